// The Node.js runtime client: asks the Runtime API for events and hands them to the function's handler.
'use strict';

const http = require('node:http');
const { Writable } = require('node:stream');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const fs = require('node:fs');

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const BASE = '/2018-06-01/runtime';

function call(method, target, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const options = { host, port, agent, method, path: BASE + target, headers: { ...length, ...headers } };
    const request = http.request(options, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(pieces).toString() }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function describe(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack || '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

async function fail(target, error) {
  const described = describe(error);
  console.error(`${new Date().toISOString()}\tERROR\t${described.errorType}\t${JSON.stringify(described)}`);
  await call('POST', target, JSON.stringify(described), {
    'Content-Type': 'application/json',
    'Lambda-Runtime-Function-Error-Type': described.errorType,
  });
}

// awslambda, as Lambda's own Node.js runtimes offer it to handlers (developer guide, "Response streaming").

const STREAMS = Symbol.for('ingle.streams');
const HTTP_INTEGRATION = 'application/vnd.awslambda.http-integration-response';

// What a streaming handler writes to: the Runtime API's /response, opened by the first write.
class ResponseStream extends Writable {
  constructor(id, options) {
    super(options);
    this.id = id;
    this.contentType = undefined;
    this.prelude = undefined;
    this.request = undefined;
    this.answered = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.answered.catch(() => {}); // whoever waits hears of it; until then it is no unhandled rejection
  }

  setContentType(contentType) {
    if (this.request) throw new Error('The content type is set before the first write');
    this.contentType = contentType;
  }

  open() {
    if (this.request) return;
    const headers = {
      'Content-Type': this.contentType || 'application/octet-stream',
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
    };
    const target = `${BASE}/invocation/${this.id}/response`;
    this.request = http.request({ host, port, agent, method: 'POST', path: target, headers }, (response) => {
      response.on('end', this.settle.resolve);
      response.resume();
    });
    this.request.on('error', (error) => {
      this.settle.reject(error);
      this.destroy(error);
    });
    if (this.prelude !== undefined) {
      this.request.write(JSON.stringify(this.prelude));
      this.request.write(Buffer.alloc(8));
    }
  }

  // The callback comes once the bytes have left the process: that is what holds a fast writer up.
  _write(chunk, encoding, callback) {
    this.open();
    this.request.write(chunk, encoding, callback);
  }

  _final(callback) {
    this.open();
    this.request.end(callback);
  }

  // End a stream that has begun with an error, which only its trailers can tell.
  async breakOff(error) {
    const described = describe(error);
    console.error(`${new Date().toISOString()}\tERROR\t${described.errorType}\t${JSON.stringify(described)}`);
    this.request.addTrailers({
      'Lambda-Runtime-Function-Error-Type': described.errorType,
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(described)).toString('base64'),
    });
    this.request.end();
    await this.answered;
    this.destroy();
  }
}

globalThis.awslambda = {
  streamifyResponse(handler, options = {}) {
    handler[STREAMS] = options;
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(HTTP_INTEGRATION);
      stream.prelude = prelude;
      return stream;
    },
  },
};

async function stream(handler, id, event, context) {
  const { highWaterMark } = handler[STREAMS];
  const response = new ResponseStream(id, highWaterMark === undefined ? {} : { highWaterMark });
  const broken = new Promise((_, reject) => response.on('error', reject));
  try {
    await Promise.race([handler(event, response, context), broken]);
    await Promise.race([response.answered, broken]);
  } catch (error) {
    if (!response.request) await fail(`/invocation/${id}/error`, error);
    else if (!response.writableFinished) await response.breakOff(error);
  }
}

function failure(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

async function load() {
  const root = process.env.LAMBDA_TASK_ROOT;
  const handler = process.env._HANDLER;
  const at = handler.lastIndexOf('.');
  if (at < 1) throw failure('Runtime.MalformedHandlerName', `Bad handler '${handler}'`);
  const [file, name] = [handler.slice(0, at), handler.slice(at + 1)];
  const found = ['.js', '.mjs', '.cjs'].map((end) => path.join(root, file + end)).find((one) => fs.existsSync(one));
  if (!found) throw failure('Runtime.ImportModuleError', `Error: Cannot find module '${file}'`);
  const loaded = await import(pathToFileURL(found).href).catch((error) => {
    if (error instanceof SyntaxError) error.name = 'Runtime.UserCodeSyntaxError';
    throw error;
  });
  const made = loaded[name] || (loaded.default && loaded.default[name]);
  if (typeof made !== 'function') {
    throw failure('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  }
  return made;
}

function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const client = headers['lambda-runtime-client-context'];
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    clientContext: client ? JSON.parse(client) : undefined,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error ? reject(error) : resolve(result));
    context.done = callback;
    context.succeed = resolve;
    context.fail = reject;
    const returned = handler(event, context, callback);
    if (returned && typeof returned.then === 'function') returned.then(resolve, reject);
    else if (handler.length < 3) resolve(returned);
  });
}

async function main() {
  let handler;
  try {
    handler = await load();
  } catch (error) {
    await fail('/init/error', error);
    process.exit(1);
  }
  for (;;) {
    const { headers, body } = await call('GET', '/invocation/next');
    const id = headers['lambda-runtime-aws-request-id'];
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] || '';
    if (handler[STREAMS]) {
      await stream(handler, id, JSON.parse(body), contextOf(headers));
      continue;
    }
    try {
      const result = await run(handler, JSON.parse(body), contextOf(headers));
      const text = JSON.stringify(result === undefined ? null : result);
      await call('POST', `/invocation/${id}/response`, text, { 'Content-Type': 'application/json' });
    } catch (error) {
      await fail(`/invocation/${id}/error`, error);
    }
  }
}

process.on('uncaughtException', async (error) => {
  console.error(error);
  process.exit(129);
});
main();
