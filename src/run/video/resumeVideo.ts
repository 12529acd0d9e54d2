import { existsSync } from 'node:fs'
import { readTableConfig } from '../../options/configFile.js'
import { validateLayer } from '../../options/resolveSettings.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions, VideoSettings } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { writeTableConfig } from '../../options/writeConfig.js'
import { Text2LiveError } from '../../errors.js'
import { withoutSecrets } from '../../models/withoutSecrets.js'
import { atomicWrite } from '../../media/node/atomicWrite.js'
import { cutEvents } from '../eventLog.js'
import { checkFolder, pathInside } from '../checkFolder.js'
import { accessTo, hereOnly } from '../../session/guidanceAccess.js'
import { portableGuidance } from '../portableGuidance.js'
import { assertKind } from '../resumeRun.js'
import { openRunFolder, type RunFolder } from '../runFolder.js'
import { drawSeed, readRunConfig } from '../../session/savedRun.js'
import { assertDependencies } from './assertDependencies.js'
import { differingSettings } from './differingSettings.js'
import { editedLayers, runVideo, type VideoPlan, type VideoResult } from './runVideo.js'
import { readVideoEvents } from './readVideoEvents.js'
import { stageReport } from './stageReport.js'
import { readState } from './trainStage.js'
import { readMetrics } from './metricsStage.js'
import type { VideoEnvironment } from './videoEnvironment.js'
import type { VideoEvent } from '../../session/videoEvents.js'
import { videoFiles, videoOutputFiles } from './videoFiles.js'
import { readVideoInput } from './videoInput.js'
import type { EmitVideo } from './videoSession.js'

/** Flags that may stand beside `--resume`. */
export type ResumeVideoOptions = Pick<GivenVideoOptions, 'steps' | 'device' | 'threads' | 'previewEvery' | 'guidance'>

/**
 * Continues a run over a clip from the last checkpoint of the stage that it was in, bit for bit on the CPU.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED, CHECKPOINT_*, SAFETENSORS_INVALID, and what a new run throws
 */
export async function resumeVideo(
  path: string,
  flags: ResumeVideoOptions,
  environment: VideoEnvironment,
  emit: EmitVideo,
): Promise<VideoResult> {
  await assertKind(path, 'video')
  const folder = await openRunFolder(path)
  try {
    const saved = await readVideoSettings(folder)
    const named = (validateLayer(videoTable, flags)['guidance'] ?? []) as readonly string[]
    const settings = resolveVideoSettings(
      [saved, named.length === 0 ? flags : { ...flags, guidance: named.map(portableGuidance) }],
      drawSeed,
    )
    const differing = differingSettings(saved, settings)
    if (differing.length > 0) {
      throw new Text2LiveError(
        'CHECKPOINT_MISMATCH',
        `A run is continued with the settings it was started with. These differ: ${differing.join(', ')}. ` +
          'Leave them out beside --resume, or start a new run.',
      )
    }
    const before = await finishedBefore(folder, settings)
    if (before !== null) {
      emit({ type: 'done', seconds: 0, folder: path, already: true })
      return before
    }
    if (JSON.stringify(settings) !== JSON.stringify(saved))
      await atomicWrite(folder.file(videoFiles.config), writeTableConfig(videoTable, settings))
    await assertDependencies(goalOf(settings))
    const input = await readVideoInput(inFolder(folder, settings), environment.signal, stageReport('clip', emit))
    await cutLog(folder, settings, input.digest)
    return await runVideo(
      {
        settings,
        input,
        folder,
        access: named.length === 0 ? hereOnly : accessTo(named),
        goal: goalOf(settings),
        early: [],
        ...environment,
      },
      emit,
    )
  } finally {
    folder.release()
  }
}

/** A folder whose settings have no prompt is that of an atlas alone. */
const goalOf = ({ prompt, foregroundPrompt, backgroundPrompt }: VideoSettings): VideoPlan['goal'] =>
  prompt.length + foregroundPrompt.length + backgroundPrompt.length > 0 ? 'edit' : 'atlas'

/** The settings of a run folder; paths in them are relative to it. */
export async function readVideoSettings(folder: Pick<RunFolder, 'file' | 'read'>): Promise<VideoSettings> {
  const path = folder.file(videoFiles.config)
  const { options } = readTableConfig<GivenVideoOptions>(videoTable, await readRunConfig(folder), path)
  const settings = resolveVideoSettings([options], drawSeed)
  return { ...settings, guidance: settings.guidance.map(withoutSecrets) }
}

/** The same with paths that can be opened. */
export function inFolder(folder: Pick<RunFolder, 'path' | 'file'>, settings: VideoSettings): VideoSettings {
  if (settings.clip === null) {
    throw new Text2LiveError(
      'RUN_INVALID',
      `${folder.file(videoFiles.config)} names no clip. The folder cannot be continued; start a new run.`,
    )
  }
  checkFolder(folder.path)
  const at = (key: 'clip' | 'object' | 'mask'): string | null =>
    settings[key] === null ? null : pathInside(folder.path, settings[key], key)
  return { ...settings, clip: at('clip'), object: at('object'), mask: at('mask') }
}

/** Steps beyond the last checkpoint of a layer are taken back, with all that followed them. */
async function cutLog(folder: RunFolder, settings: VideoSettings, pictures: string): Promise<void> {
  const fingerprint = { settings, pictures }
  const steps = new Map<string, number>()
  for (const layer of editedLayers(settings))
    steps.set(layer, (await readState({ folder, fingerprint }, layer))?.step ?? 0)
  cutEvents(folder.file(videoFiles.events), (line) => {
    const event = line as VideoEvent
    return event.type === 'step' && event.step > (steps.get(event.layer) ?? 0)
  })
}

async function finishedBefore(folder: RunFolder, settings: VideoSettings): Promise<VideoResult | null> {
  const events = readVideoEvents(folder.file(videoFiles.events))
  const trained =
    goalOf(settings) === 'atlas' ||
    editedLayers(settings).every((layer) =>
      events.some((event) => event.type === 'step' && event.layer === layer && event.step >= settings.steps),
    )
  const needed =
    goalOf(settings) === 'atlas'
      ? [videoFiles.atlas]
      : [videoOutputFiles.edited, videoOutputFiles.editLayer, videoOutputFiles.losses]
  const whole = needed.every((name) => existsSync(folder.file(name)))
  const metrics = await readMetrics(folder.file(videoOutputFiles.metrics))
  if (events.at(-1)?.type !== 'done' || !trained || !whole || metrics === null) return null
  return { finished: true, settings, folder: folder.path, metrics }
}
