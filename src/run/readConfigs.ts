import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { readConfig } from '../options/configFile.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { isSystemError } from './fileErrors.js'

interface Configs {
  /** One layer per file, in order. */
  readonly layers: readonly GivenOptions[]
  readonly notes: readonly string[]
}

/**
 * Reads config files. Paths in a file are taken from the working folder first, as the published code takes them, then from the
 * file's own folder.
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_KEY, OPTION_INVALID, PROMPT_EMPTY
 */
export async function readConfigs(paths: readonly string[]): Promise<Configs> {
  const files = await Promise.all(paths.map(readOne))
  return {
    layers: files.map(({ options }) => options),
    notes: files.flatMap(({ notes, published }, i) => [
      ...(published ? [`${paths[i]} is a configuration of the published code; add --preset reference to run it as that code does`] : []),
      ...notes,
    ]),
  }
}

async function readOne(path: string): Promise<ReturnType<typeof readConfig>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const code = isSystemError(cause) ? cause.code : ''
    const came = code === 'ENOENT' ? 'there is nothing' : code === 'EISDIR' ? 'that is a folder' : 'it cannot be read'
    throw new Text2LiveError('CONFIG_INVALID', `There should be a YAML file at "${path}", but ${came}. Check the path.`, { cause })
  })
  const config = readConfig(text, basename(path))
  return { ...config, options: withFoundPaths(config.options, dirname(path)) }
}

function withFoundPaths(options: GivenOptions, folder: string): GivenOptions {
  const found = { ...options }
  for (const name of ['photo', 'mask'] as const) {
    const path = found[name]
    if (typeof path === 'string') found[name] = foundPath(path, folder)
  }
  const { guidance } = found
  if (typeof guidance === 'string') found.guidance = foundPath(guidance, folder)
  else if (guidance) found.guidance = guidance.map((path) => foundPath(path, folder))
  return found
}

function foundPath(path: string, folder: string): string {
  const beside = join(folder, path)
  return isAbsolute(path) || existsSync(path) || !existsSync(beside) ? path : beside
}
