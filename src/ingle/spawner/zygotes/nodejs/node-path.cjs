// A resolve hook: what is imported by its name alone, and isn't found, is looked for along NODE_PATH.
'use strict';

const path = require('node:path');
const { pathToFileURL } = require('node:url');

const PARENTS = (process.env.NODE_PATH || '')
  .split(':')
  .filter((folder) => folder.endsWith('/node_modules'))
  .map((folder) => pathToFileURL(path.join(path.dirname(folder), 'any.js')).href);

function isMissing(error, specifier) {
  return error.code === 'ERR_MODULE_NOT_FOUND' && /^[^./]/.test(specifier) && !/^[a-z]+:/.test(specifier);
}

function resolve(specifier, context, nextResolve) {
  try {
    return nextResolve(specifier, context);
  } catch (error) {
    if (!isMissing(error, specifier)) throw error;
    for (const parentURL of PARENTS) {
      try {
        return nextResolve(specifier, { ...context, parentURL });
      } catch (further) {
        if (!isMissing(further, specifier)) throw further;
      }
    }
    throw error;
  }
}

module.exports = { PARENTS, isMissing, resolve };
