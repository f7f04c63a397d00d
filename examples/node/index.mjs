// A function in node behind a function URL: counts visits in a cookie, and greets whom the query names.
export const handler = async (event, context) => {
  const cookie = (event.cookies ?? []).find((one) => one.startsWith('visits='));
  const visits = Number(cookie?.slice('visits='.length) ?? 0) + 1;
  console.log(`visit ${visits} of ${event.requestContext.http.sourceIp}`);
  return {
    statusCode: 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Request': context.awsRequestId },
    cookies: [`visits=${visits}; HttpOnly; SameSite=Lax`],
    body: `Hello, ${event.queryStringParameters?.name ?? 'world'}, from node ${process.versions.node}: visit ${visits}\n`,
  };
};
