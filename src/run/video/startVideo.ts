import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { clipName } from '../../media/clipCodec.js'
import { bytesOf } from '../../media/imageCodec.js'
import { assertRegionMap, validateLayer } from '../../options/resolveSettings.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { accessTo, hereOnly } from '../../session/guidanceAccess.js'
import type { JobOf } from '../../session/job.js'
import { drawSeed } from '../../session/savedRun.js'
import { remembering } from '../../session/stages.js'
import type { RunStore } from '../../session/store.js'
import { isFit } from '../../session/video/atlasStage.js'
import { givenOf } from '../../session/video/clipJob.js'
import type { VideoResult } from '../../session/video/runVideo.js'
import { assertPrompts, lastGivenOf, startClip, withAtlasBelow } from '../../session/video/startClip.js'
import type { VideoEnvironment } from '../../session/video/videoEnvironment.js'
import { videoFiles } from '../../session/video/videoFiles.js'
import type { EmitVideo } from '../../session/video/clipSession.js'
import { clipsUnder } from './clipsUnder.js'
import { portableGuidance } from '../portableGuidance.js'
import { chooseDevice } from '../probeDevice.js'
import { fromRun, ownLayers, readConfigs } from '../readConfigs.js'
import { assertFree, makeRunFolder } from '../runFolder.js'
import { clipMachine } from './clipMachine.js'
import { finderAt, keptPaths } from './clipPaths.js'
import { openAtlas } from './openAtlas.js'

/**
 * Validates everything that a person can get wrong, makes the run folder under its final name, and runs all stages.
 * @throws OPTION_*, CONFIG_*, PROMPT_EMPTY, INPUT_*, CLIP_*, MASK_INVALID, OUTPUT_*, DEVICE_*, ... before anything is
 *   written
 */
export async function startVideo(
  job: JobOf<'video'>,
  environment: VideoEnvironment,
  emit: EmitVideo,
): Promise<VideoResult> {
  const { goal = 'edit', run } = job
  const early = remembering(emit)
  const given = givenOf(job)
  const flags = validateLayer(videoTable, given)
  const note = (message: string): void => early.emit({ type: 'note', message })
  const read = await readConfigs<GivenVideoOptions>((flags['config'] ?? []) as readonly string[], {
    note,
    preset: flags['preset'],
    table: videoTable,
  })
  const layers = [...read.layers, given]
  const named = job.over ?? ((lastGivenOf(layers, 'over') ?? []) as string | readonly string[])
  const over = typeof named === 'string' ? [named] : named
  const settings = withAtlasBelow(resolveVideoSettings(layers, drawSeed), layers, over, goal)
  const out = run ?? ((lastGivenOf(layers, 'out') ?? null) as string | null)
  const force = flags['force'] === true
  assertRegionMap([...ownLayers(read), flags], settings)
  if (goal === 'edit') assertPrompts(settings)
  await assertFree(out, force)
  const below = await clipsUnder(over, clipMachine)
  await clipMachine.prepare(goal)

  const find = finderAt(job)
  const isNew = out === null || !existsSync(out)
  const made: { store: RunStore | null } = { store: null }
  try {
    return await startClip(
      {
        settings,
        layers,
        goal,
        early: early.events,
        below,
        find,
        access: fromRun(read, flags) ? hereOnly : accessTo(settings.guidance),
        device: chooseDevice,
        portable: portableGuidance,
        openAtlas,
        keep: (own, input) =>
          keptPaths({ ...own, atlas: isFit(own.atlas) ? own.atlas : resolve(own.atlas) }, input, find),
        async make({ source }, { files, settings: { clip } }, own) {
          const contents = Object.fromEntries(
            Object.entries(files).map(([name, file]) => [
              name,
              typeof file === 'string' ? { copy: file } : bytesOf(file),
            ]),
          )
          const store = await makeRunFolder(out, clipName(source).replace(/[/\\]+$/, ''), force, {
            ...contents,
            ...own,
          })
          made.store = store
          return { store, source: store.file(clip!) }
        },
      },
      clipMachine,
      environment,
      emit,
    )
  } catch (error) {
    // An object that cannot be found, for instance, is bad input too: nothing is left of a run that cannot go on.
    const isInput = error instanceof Text2LiveError && error.exitStatus === 2
    if (isNew && isInput && made.store !== null && !existsSync(made.store.file(videoFiles.atlas)))
      await rm(made.store.path, { recursive: true, force: true })
    throw error
  }
}
