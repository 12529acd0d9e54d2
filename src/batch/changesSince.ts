import { lstat, readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { digestFile } from '../media/node/digestFile.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { settingNamesOf } from '../options/optionTable.js'
import { portableGuidance } from '../run/portableGuidance.js'
import { lookIn } from '../run/runFolder.js'
import { readOrigins } from '../session/layersBelow.js'
import { readRunSettings } from '../session/savedRun.js'
import { lastPart } from '../session/takeLayers.js'
import { isFit } from '../session/video/atlasStage.js'
import { readVideoSettings } from '../session/video/savedClip.js'
import type { BatchJob } from './batchJob.js'
import { jobSettings, type JobSettings } from './jobSettings.js'
import { tables } from './list/checkList.js'

/** Where a run is worked on does not change what is asked for, nor do its previews. */
const ofTheMachine = ['device', 'threads', 'previewEvery']
/** Names of files: what is in them is compared. */
const ofFiles = ['photo', 'clip', 'mask', 'object', 'over']

/**
 * What a job asks for now and did not when its run folder was made: `views (was 4, now 6)`, `the photo (another file)`.
 * @param path the job's run folder
 * @throws RUN_INVALID, CONFIG_* for a run that cannot be read
 */
export async function changesSince(path: string, job: BatchJob): Promise<string[]> {
  const asked = await jobSettings(job)
  const run = lookIn(path)
  const saved: Settings = { ...(asked.kind === 'photo' ? await savedPhoto(path) : await readVideoSettings(run)) }
  const now = comparable(asked)
  const names = settingNamesOf(tables[job.kind]).filter(
    (name) => ![...ofTheMachine, ...ofFiles].includes(name) && !(name === 'seed' && asked.drawsSeed),
  )
  const changes = [...names, ...(job.kind === 'photo' ? ['seeds'] : [])]
    .filter((name) => JSON.stringify(saved[name]) !== JSON.stringify(now[name]))
    .map((name) => `${name} (was ${JSON.stringify(saved[name])}, now ${JSON.stringify(now[name])})`)
  const stoodOn = (await readOrigins(run, job.kind === 'photo' ? 'photo' : 'atlas')).map((origin) => origin.run)
  if (stoodOn.join('/') !== (now['over'] as readonly string[]).map(lastPart).join('/'))
    changes.push('over (other runs)')
  for (const key of [job.kind, 'mask', 'object']) {
    const from = key === job.kind ? job.input : now[key]
    const kept = saved[key]
    if (typeof from === 'string' && typeof kept === 'string') {
      if (!(await isSame(from, join(path, kept)))) changes.push(`the ${key} (another file)`)
    } else if (typeof from === 'string' || typeof kept === 'string')
      changes.push(`the ${key} (${typeof kept === 'string' ? 'now none' : 'there was none'})`)
  }
  return changes
}

type Settings = Readonly<Record<string, unknown>>

async function savedPhoto(path: string): Promise<Settings> {
  const { settings, seeds } = await readRunSettings(lookIn(path))
  return { ...settings, seeds }
}

/** As a run keeps them. */
function comparable(asked: JobSettings): Settings {
  const { settings } = asked
  return {
    ...settings,
    guidance: settings.guidance.map((name) => withoutSecrets(portableGuidance(name))),
    ...('atlas' in settings && !isFit(settings.atlas) ? { atlas: resolve(settings.atlas) } : {}),
    ...(asked.kind === 'photo' ? { seeds: asked.seeds } : {}),
  }
}

/**
 * Milliseconds by which what a run copied must be younger than what it was copied from, to be the same without a look
 * into it: two file systems may have two clocks.
 */
const surely = 60_000

/** Is what a run copied there still as it was? Of a folder, each file that the run took. */
async function isSame(from: string, copy: string): Promise<boolean> {
  const source = await stat(from).catch(() => null)
  const kept = await lstat(copy).catch(() => null)
  if (source === null || kept === null || source.isDirectory() !== kept.isDirectory()) return false
  if (!source.isDirectory()) return await isAmong(copy, [from], source.ctimeMs)
  const files = (await readdir(from)).map((name) => join(from, name))
  const times = await Promise.all(files.map(async (file) => (await stat(file)).ctimeMs))
  const latest = times.reduce((a, b) => Math.max(a, b), source.ctimeMs)
  for (const name of await readdir(copy)) if (!(await isAmong(join(copy, name), files, latest))) return false
  return true
}

/**
 * @param changed when one of the files was touched last, by the time that no program sets: a list may have thousands of
 *   files, which need not all be read
 */
async function isAmong(copy: string, files: readonly string[], changed: number): Promise<boolean> {
  const kept = await lstat(copy)
  if (changed + surely < kept.mtimeMs) return true
  for (const file of files)
    if ((await stat(file)).size === kept.size && (await digestFile(file)).sha256 === (await digestFile(copy)).sha256)
      return true
  return false
}
