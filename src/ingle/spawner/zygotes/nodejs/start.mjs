// Starts AWS's Node.js client: gives it the Runtime API, and modules the places where NODE_PATH leads.
import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const runtime = fs.realpathSync(process.env.LAMBDA_RUNTIME_DIR);
const client = path.join(runtime, 'index.mjs');
const native = path.join(runtime, 'rapid-client.node');
const require = createRequire(import.meta.url);

// Both of these are what the client would find, had it been started by itself.
process.argv[1] = client;
require.cache[native] = Object.assign(new Module(native), { exports: require('./rapid-client.cjs'), loaded: true });

// Lambda's node finds what is imported, and not only what is required, along NODE_PATH (blog, "Node.js 18.x runtime").
function followNodePath() {
  if (Module.registerHooks) Module.registerHooks({ resolve: require('./node-path.cjs').resolve });
  else if (importsModules()) Module.register('./node-path.mjs', import.meta.url);
}

// Where hooks take a thread of their own, only a handler that is an ES module shall pay for it.
function importsModules() {
  const file = path.resolve(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER.split('.')[0]);
  if (fs.existsSync(`${file}.mjs`)) return true;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (fs.existsSync(manifest)) return /"type"\s*:\s*"module"/.test(fs.readFileSync(manifest, 'utf8'));
    if (folder === path.dirname(folder)) return false;
  }
}

// Lambda's answer where a handler's promise can't settle any more: nothing is left to run.
function reportUnsettled() {
  const { unanswered, error } = require('./rapid-client.cjs');
  const id = unanswered();
  if (id === undefined) return;
  const errorMessage = 'The event loop is empty, and the promise of the handler has not settled';
  error(id, JSON.stringify({ errorType: 'Runtime.NodeJsExit', errorMessage, trace: [] }), '');
  process.exit(13);
}

followNodePath();
globalThis[Symbol.for('ingle.unsettled')] = reportUnsettled; // which the client for node 22 and older asks for
const { run } = await import(pathToFileURL(client).href);
if (run) await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
else process.on('beforeExit', reportUnsettled);
