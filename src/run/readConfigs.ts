import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { readTableConfig } from '../options/configFile.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { imageTable } from '../options/imageTable.js'
import { type OptionTable, rowOf } from '../options/optionTable.js'
import { pathHint } from '../pathHint.js'
import { isSystemError } from './fileErrors.js'

/**
 * Reads config files, one layer of options per file, in order. Paths in a file are taken from the working folder first, as the published code takes them, then from the
 * file's own folder.
 * @param note told of each file of the published code what is set and what is ignored, before the next is read
 * @param preset what the command line says, or null
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_KEY, OPTION_INVALID, PROMPT_EMPTY
 */
export async function readConfigs<Options = GivenOptions>(
  paths: readonly string[], { note, preset = null, table = imageTable }: { readonly note: (message: string) => void; readonly preset?: unknown; readonly table?: OptionTable },
): Promise<readonly Options[]> {
  const layers: Given[] = []
  for (const path of paths) {
    const { options, notes } = await readOne(path, table)
    layers.push(options)
    const isPreset = [...layers.map((layer) => layer['preset']), preset].some((each) => each !== undefined && each !== null)
    for (const text of notes) note(isPreset ? text : `${text} Add --preset reference to run it as that code does.`)
  }
  return layers as Options[]
}

type Given = Readonly<Record<string, unknown>>

async function readOne(path: string, table: OptionTable): Promise<ReturnType<typeof readTableConfig<Given>>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const code = isSystemError(cause) ? cause.code : ''
    const came = code === 'ENOENT' ? 'there is nothing' : code === 'EISDIR' ? 'that is a folder' : 'it cannot be read'
    throw new Text2LiveError('CONFIG_INVALID', `There should be a YAML file at "${path}", but ${came}. ${pathHint(path)}`, { cause })
  })
  const config = readTableConfig<Given>(table, text, basename(path))
  return { ...config, options: withFoundPaths(table, config.options, dirname(path)) }
}

function withFoundPaths(table: OptionTable, options: Given, folder: string): Given {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, isPath(table, name) ? found(value, folder) : value]))
}

/** `out` is a folder to make; the value of `atlas` may be a path. */
const isPath = (table: OptionTable, name: string): boolean => name !== 'out' && (name === 'atlas' || /^paths?$/.test(rowOf(table, name).type))

function found(value: unknown, folder: string): unknown {
  if (Array.isArray(value)) return value.map((each) => found(each, folder))
  return typeof value === 'string' ? foundPath(value, folder) : value
}

function foundPath(path: string, folder: string): string {
  const beside = join(folder, path)
  return isAbsolute(path) || existsSync(path) || !existsSync(beside) ? path : beside
}
