// Streams a line each tenth of a second, behind a prelude that sets the status and headers of an HTTP answer.
import { setTimeout as sleep } from 'node:timers/promises';

export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {
  const stream = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 200,
    headers: { 'Content-Type': 'text/plain' },
  });
  for (let line = 1; line <= (event.lines ?? 5); line += 1) {
    stream.write(`line ${line} of ${context.awsRequestId}\n`);
    await sleep(event.pauseMs ?? 100);
  }
  stream.end();
});
