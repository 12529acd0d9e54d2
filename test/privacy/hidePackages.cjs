// Preloaded in tests: what HIDDEN_PACKAGES matches is as if it were not installed.
const Module = require('node:module')

const hidden = new RegExp(process.env.HIDDEN_PACKAGES)
const load = Module._load
Module._load = function (request, ...rest) {
  if (hidden.test(request))
    throw Object.assign(new Error(`Cannot find module '${request}'\nRequire stack:\n- elsewhere`), {
      code: 'MODULE_NOT_FOUND',
    })
  return load.call(this, request, ...rest)
}
