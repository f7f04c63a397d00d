// The resolve hook of node-path.cjs where hooks are asynchronous and run in a thread (before node 22.15).
import nodePath from './node-path.cjs';

export async function resolve(specifier, context, nextResolve) {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    if (!nodePath.isMissing(error, specifier)) throw error;
    for (const parentURL of nodePath.PARENTS) {
      try {
        return await nextResolve(specifier, { ...context, parentURL });
      } catch (further) {
        if (!nodePath.isMissing(further, specifier)) throw further;
      }
    }
    throw error;
  }
}
