import { homedir } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of this package. */
const ownFolder = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/**
 * A message of the system or of a library without where its writer keeps things: this package, what is installed beside
 * it, the working folder and the home folder are named instead. Paths of the system stay.
 */
export function withoutPrivatePaths(text: string, working = process.cwd(), home = homedir()): string {
  const named = [
    [ownFolder, '<text2live>'],
    [working, '<working folder>'],
    [home, '~'],
  ] as const
  return named
    .filter(([path]) => path.length > 1)
    .reduce((safe, [path, name]) => safe.replaceAll(path, name), text)
    .replaceAll(/(?:file:\/\/)?(?:[A-Za-z]:)?[\\/](?:[^\s'"\\/]+[\\/])*node_modules(?=[\\/])/g, '<node_modules>')
}
