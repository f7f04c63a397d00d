// The Runtime API for AWS's Node.js client. It stands in for the native module that AWS's client is built with.
'use strict';

const fs = require('node:fs');
const net = require('node:net');

const RUNTIME = '/2018-06-01/runtime';
const HEAD_END = '\r\n\r\n';
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

// Responses of one connection, in order. Bodies have a length: the Runtime API streams nothing to a runtime.
class Responses {
  constructor(socket) {
    this.held = Buffer.alloc(0);
    this.waiting = undefined;
    socket.on('data', (piece) => {
      this.held = this.held.length ? Buffer.concat([this.held, piece]) : piece;
      this.deliver();
    });
    socket.on('error', (error) => this.break(error));
    socket.on('close', () => this.break(new Error('the Runtime API has closed the connection')));
  }

  receive() {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.deliver();
    });
  }

  deliver() {
    const response = this.waiting && this.parse();
    if (response) this.settle('resolve', response);
  }

  break(error) {
    if (this.waiting) this.settle('reject', error);
  }

  settle(how, value) {
    const waiting = this.waiting;
    this.waiting = undefined;
    waiting[how](value);
  }

  parse() {
    const end = this.held.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const [first, ...lines] = this.held.toString('latin1', 0, end).split('\r\n');
    const headers = {};
    for (const line of lines) {
      const at = line.indexOf(':');
      headers[line.slice(0, at).toLowerCase()] = line.slice(at + 1).trim();
    }
    const start = end + HEAD_END.length;
    const size = Number(headers['content-length'] || 0);
    if (this.held.length < start + size) return undefined;
    const body = this.held.toString('utf8', start, start + size);
    this.held = this.held.subarray(start + size);
    return { status: Number(first.split(' ')[1]), headers, body };
  }
}

class RuntimeApi {
  constructor() {
    this.unanswered = 0;
    this.open = undefined; // the request id of the invocation that has no answer yet
  }

  // The next event. The socket keeps the process alive only meanwhile: while a handler runs, its own work does.
  async next() {
    if (!this.socket) await this.connect();
    this.socket.ref();
    this.write(`GET ${RUNTIME}/invocation/next HTTP/1.1\r\nHost: ${this.host}${HEAD_END}`);
    for (; this.unanswered > 0; this.unanswered--) await this.responses.receive();
    const { status, headers, body } = await this.responses.receive();
    this.socket.unref();
    if (status !== 200) throw new Error(`Failed to get next invocation, error ${status}`);
    this.open = headers['lambda-runtime-aws-request-id'];
    return { bodyJson: body, headers };
  }

  done(id, body) {
    this.post(`invocation/${id}/response`, body, '');
  }

  error(id, body, cause) {
    const type = JSON.parse(body).errorType;
    const named = /^[\x20-\x7e]+$/.test(type) ? `Lambda-Runtime-Function-Error-Type: ${type}\r\n` : '';
    const fits = /^[\x20-\x7e]{1,8000}$/.test(cause);
    this.post(`invocation/${id}/error`, body, named + (fits ? `Lambda-Runtime-Function-XRay-Error-Cause: ${cause}\r\n` : ''));
  }

  // An answer has left when this returns: what the function does next, even its end, can't hold it back.
  post(target, body, headers) {
    const bytes = Buffer.from(body);
    const head = `POST ${RUNTIME}/${target} HTTP/1.1\r\nHost: ${this.host}\r\n`;
    this.write(`${head}Content-Type: application/json\r\n${headers}Content-Length: ${bytes.length}${HEAD_END}`);
    this.write(bytes);
    this.unanswered++;
    this.open = undefined;
  }

  async connect() {
    this.host = process.env.AWS_LAMBDA_RUNTIME_API;
    const [host, port] = this.host.split(':');
    this.socket = net.connect({ host, port: Number(port), noDelay: true });
    this.responses = new Responses(this.socket);
    await new Promise((resolve, reject) => this.socket.once('connect', resolve).once('error', reject));
  }

  write(data) {
    let rest = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    while (rest.length) {
      try {
        rest = rest.subarray(fs.writeSync(this.socket._handle.fd, rest));
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
        Atomics.wait(PAUSE, 0, 0, 1);
      }
    }
  }
}

const api = new RuntimeApi();

module.exports = {
  next: () => api.next(),
  done: (id, body) => api.done(id, body),
  error: (id, body, cause) => api.error(id, body, cause),
  unanswered: () => api.open,
};
