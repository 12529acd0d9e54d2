import { existsSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { readRegularFile } from '../media/node/readRegularFile.js'
import { longestConfig, readTableConfig } from '../options/configFile.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { imageTable } from '../options/imageTable.js'
import { type OptionTable, rowOf } from '../options/optionTable.js'
import { pathHint } from '../pathHint.js'
import { pathInside } from './checkFolder.js'
import { refuseLink } from './runFile.js'
import { isMissing } from './fileErrors.js'

interface Configs<Options> {
  /** One layer per file, in order. */
  readonly layers: readonly Options[]
  /** Of each layer: is it the config.yaml of a run folder, which may come from anybody? */
  readonly ofRun: readonly boolean[]
}

/**
 * Reads config files. Paths in a file are taken from the working folder first, as the published code takes them, then
 * from the file's own folder; those of a run's config.yaml lie in its folder.
 * @param note told of each file of the published code what is set and what is ignored, before the next is read
 * @param preset what the command line says, or null
 * @throws RUN_INVALID for a path of a run that leads out of its folder, CONFIG_INVALID, CONFIG_UNKNOWN_KEY,
 *   OPTION_INVALID, PROMPT_EMPTY
 */
export async function readConfigs<Options = GivenOptions>(
  paths: readonly string[],
  {
    note,
    preset = null,
    table = imageTable,
  }: { readonly note: (message: string) => void; readonly preset?: unknown; readonly table?: OptionTable },
): Promise<Configs<Options>> {
  const layers: Given[] = []
  const ofRun: boolean[] = []
  for (const path of paths) {
    const config = await readOne(path, table)
    layers.push(config.options)
    ofRun.push(config.ofRun)
    const isPreset = [...layers.map((layer) => layer['preset']), preset].some(
      (each) => each !== undefined && each !== null,
    )
    for (const text of config.notes)
      note(isPreset ? text : `${text} Add --preset reference to run it as that code does.`)
  }
  return { layers: layers as Options[], ofRun }
}

type Given = Readonly<Record<string, unknown>>

async function readOne(path: string, table: OptionTable): Promise<ReturnType<typeof readTableConfig<Given>>> {
  const text = await readConfigText(path)
  const config = readTableConfig<Given>(table, text, basename(path))
  if (!config.ofRun) return { ...config, options: withFoundPaths(table, config.options, dirname(path)) }
  refuseLink(path)
  if (config.options['out'] !== undefined) {
    throw new Text2LiveError(
      'CONFIG_INVALID',
      `"${path}" is the configuration of a run, and sets "out": where another run goes is not its to say. Remove the line, and use --out.`,
    )
  }
  const elsewhere = ['guidance', 'atlas']
    .flatMap((name) => [config.options[name]].flat())
    .find((value) => typeof value === 'string' && /^[\\/]{2}/.test(value))
  if (typeof elsewhere === 'string') {
    throw new Text2LiveError(
      'RUN_INVALID',
      `"${path}" is the configuration of a run, and names "${elsewhere}" on another machine, which is not asked for it. Give it as a flag, if you want it.`,
    )
  }
  const inside = Object.entries(config.options).map(([name, value]) => [
    name,
    pictures.has(name) ? insideOf(dirname(path), value, name) : value,
  ])
  return { ...config, options: Object.fromEntries(inside) as Given }
}

/** What a run folder holds copies of. */
const pictures = new Set(['photo', 'mask', 'over', 'clip', 'object'])

function insideOf(folder: string, value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((each) => insideOf(folder, each, name))
  return typeof value === 'string' ? pathInside(folder, value, name) : value
}

/** The layers that a person wrote: not the config.yaml of a run, which holds every setting, whoever chose it. */
export const ownLayers = <Options>({ layers, ofRun }: Configs<Options>): Options[] =>
  layers.filter((_, i) => ofRun[i] !== true)

/** Is it a run's config.yaml, and no person, that names the guidance models? */
export function fromRun({ layers, ofRun }: Configs<Given>, flags: Given): boolean {
  const names = (layer: Given | undefined): boolean =>
    Array.isArray(layer?.['guidance']) && layer['guidance'].length > 0
  if (names(flags) || typeof flags['guidance'] === 'string') return false
  return ofRun[layers.findLastIndex(names)] === true
}

/**
 * The text of a config file.
 * @throws CONFIG_INVALID where there is none, it is no regular file, or it is longer than any configuration
 */
async function readConfigText(path: string): Promise<string> {
  const bytes = await readRegularFile(path, { what: 'a YAML file', maxBytes: longestConfig }).catch(
    (cause: unknown) => {
      if (!(cause instanceof Text2LiveError)) throw cause
      if (isMissing(cause.cause))
        throw new Text2LiveError(
          'CONFIG_INVALID',
          `There should be a YAML file at "${path}", but there is nothing. ${pathHint(path)}`,
          { cause },
        )
      throw new Text2LiveError('CONFIG_INVALID', cause.message, { cause })
    },
  )
  return new TextDecoder().decode(bytes)
}

function withFoundPaths(table: OptionTable, options: Given, folder: string): Given {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, isPath(table, name) ? found(value, folder) : value]),
  )
}

/** `out` is a folder to make; the value of `atlas` may be a path. */
const isPath = (table: OptionTable, name: string): boolean =>
  name !== 'out' && (name === 'atlas' || /^paths?$/.test(rowOf(table, name).type))

function found(value: unknown, folder: string): unknown {
  if (Array.isArray(value)) return value.map((each) => found(each, folder))
  return typeof value === 'string' ? foundPath(value, folder) : value
}

function foundPath(path: string, folder: string): string {
  const beside = join(folder, path)
  return isAbsolute(path) || existsSync(path) || !existsSync(beside) ? path : beside
}
