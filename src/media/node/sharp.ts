import { createRequire } from 'node:module'
import type sharpPackage from 'sharp'
import type { Sharp, SharpInput, SharpOptions } from 'sharp'
import { Text2LiveError } from '../../errors.js'

const require = createRequire(import.meta.url)

/**
 * `sharp`, loaded when it is first used: where its library is missing, that is an error of what needs it, not of
 * whoever imports us.
 *
 * @throws Text2LiveError DEPENDENCY_MISSING
 */
export function loadSharp(): typeof sharpPackage {
  try {
    return require('sharp') as typeof sharpPackage
  } catch (cause) {
    throw new Text2LiveError(
      'DEPENDENCY_MISSING',
      'Reading and writing pictures needs the library of the package sharp for this system, an optional package of npm ' +
        `(@img/sharp-${process.platform}-${process.arch}...), and it is not there or does not load. Install again without --omit=optional ` +
        '(docs/dependencies.md says how to leave out the GPL part alone).',
      { cause },
    )
  }
}

/** As `sharp` itself. */
export function sharp(input: SharpInput, options?: SharpOptions): Sharp {
  return loadSharp()(input, options)
}
