import { basename, dirname, join, resolve } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { belowFile, keptLayers } from '../session/layersBelow.js'
import { readRunSettings } from '../session/savedRun.js'
import { type Below, type LookedAt, takeLayers } from '../session/takeLayers.js'
import { checkFolder } from './checkFolder.js'
import { isRunFolder, lookIn } from './runFolder.js'

/**
 * What `--over` names: run folders, or the copies that the config.yaml of a run names, which then begins anew over the
 * same layers.
 * @returns null for no names
 * @throws RUN_NOT_FOUND, RUN_INVALID, CONFIG_*
 */
export async function layersUnder(paths: readonly string[]): Promise<Below | null> {
  if (paths.length === 0) return null
  const own = folderOfCopies(paths, belowFile)
  return own === null ? await takeLayers(paths, lookAt) : await copiesIn(own)
}

/** The run folder whose own copies of what it stands on are named; null for other paths. */
export function folderOfCopies(paths: readonly string[], nameOf: (i: number) => string): string | null {
  const own = dirname(resolve(paths[0]!))
  return paths.every((path, i) => resolve(path) === join(own, nameOf(i))) && isRunFolder(own) ? own : null
}

async function copiesIn(folder: string): Promise<Below> {
  const run = lookIn(folder)
  const { settings } = await readRunSettings(run)
  return { layers: await keptLayers(run, settings.over), photo: null, notes: [] }
}

/** @throws RUN_NOT_FOUND, RUN_INVALID */
export function lookAt(path: string): Promise<LookedAt> {
  checkFolder(path)
  if (isRunFolder(path)) return Promise.resolve(lookIn(path))
  return Promise.reject(
    new Text2LiveError(
      'RUN_NOT_FOUND',
      `Expected a run folder to stand on at "${path}", but it is none. Give one that text2live image or video wrote, as in --over runs/horse-1.`,
    ),
  )
}

/** Looks at runs beside that of a folder; of a variation, beside the folder that holds them all. */
export function runBeside(folder: string): (name: string) => Promise<LookedAt | null> {
  const whole = resolve(folder)
  const parent = dirname(whole)
  const isVariation = /^seed-\d+$/.test(basename(whole)) && isRunFolder(parent)
  return (name) => {
    const path = join(isVariation ? dirname(parent) : parent, name)
    if (!isRunFolder(path)) return Promise.resolve(null)
    checkFolder(path)
    return Promise.resolve(lookIn(path))
  }
}
