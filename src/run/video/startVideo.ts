import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { NeuralAtlas } from '../../atlas/neural/neuralAtlas.js'
import { Text2LiveError } from '../../errors.js'
import { assertRegionMap, minGeneratorSide, validateLayer } from '../../options/resolveSettings.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions, VideoSettings } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { writeTableConfig } from '../../options/writeConfig.js'
import { openRuntime } from '../openRuntime.js'
import { chooseDevice } from '../probeDevice.js'
import { fromRun, ownLayers, readConfigs } from '../readConfigs.js'
import { assertFree, makeRunFolder } from '../runFolder.js'
import { assertDependencies } from './assertDependencies.js'
import { accessTo, hereOnly } from '../../session/guidanceAccess.js'
import { portableGuidance } from '../portableGuidance.js'
import { drawSeed } from '../../session/savedRun.js'
import { atlasBytes } from './atlasFile.js'
import { isFit, openAtlas } from './atlasStage.js'
import { editedLayers, runVideo, type VideoPlan, type VideoResult } from './runVideo.js'
import { startStageMeter } from './stageMeter.js'
import { stageReport } from './stageReport.js'
import type { VideoEnvironment } from './videoEnvironment.js'
import type { VideoEvent } from '../../session/videoEvents.js'
import { videoFiles } from './videoFiles.js'
import { copiedInput, readVideoInput } from './videoInput.js'
import type { EmitVideo } from './videoSession.js'

/**
 * Validates everything that a person can get wrong, makes the run folder under its final name, and runs all stages.
 * @param goal `atlas`: fit and measure a layered atlas, without texts and edits
 * @throws OPTION_*, CONFIG_*, PROMPT_EMPTY, INPUT_*, CLIP_*, MASK_INVALID, OUTPUT_*, DEVICE_*, ... before anything is
 *   written
 */
export async function startVideo(
  options: GivenVideoOptions,
  goal: VideoPlan['goal'],
  environment: VideoEnvironment,
  emitOutside: EmitVideo,
): Promise<VideoResult> {
  const early: VideoEvent[] = []
  const emit: EmitVideo = (event) => {
    early.push(event)
    emitOutside(event)
  }
  const flags = validateLayer(videoTable, options)
  const note = (message: string): void => emit({ type: 'note', message })
  const read = await readConfigs<GivenVideoOptions>((flags['config'] ?? []) as readonly string[], {
    note,
    preset: flags['preset'],
    table: videoTable,
  })
  const layers = [...read.layers, options]
  const settings = resolveVideoSettings(layers, drawSeed)
  const out = (lastGiven(layers, 'out') ?? null) as string | null
  const force = flags['force'] === true
  assertRegionMap([...ownLayers(read), flags], settings)
  if (goal === 'edit') assertPrompts(settings)
  await assertFree(out, force)
  await assertDependencies(goal)

  emit({ type: 'stage-start', stage: 'clip' })
  const meter = startStageMeter()
  const input = await readVideoInput(settings, environment.signal, stageReport('clip', emit))
  emit({ type: 'stage-done', stage: 'clip', ...meter.stop() })
  for (const message of input.notes) emit({ type: 'note', message })
  const { width, height } = input.frames
  if (goal === 'edit' && Math.min(width, height) < minGeneratorSide) {
    // The fit of the atlas, which comes first, takes any size.
    emit({
      type: 'note',
      message: `frames of ${width}x${height} are too small to train an edit on, which needs ${minGeneratorSide} px on each side; use a larger --size, or enlarge the clip`,
    })
  }
  if ((lastGiven(layers, 'seed') ?? -1) === -1) emit({ type: 'note', message: `seed: ${settings.seed}, drawn` })
  const device = await chooseDevice(settings.device)
  if (device !== settings.device) emit({ type: 'note', message: `device: ${device}, the fastest that works here` })

  const resolved = { ...settings, guidance: settings.guidance.map(portableGuidance), device }
  const access = fromRun(read, flags) ? hereOnly : accessTo(settings.guidance)
  await environment.checkTexts(
    resolved,
    goal === 'edit' ? editedLayers(settings) : [],
    emit,
    environment.signal,
    access,
  )
  const opened = isFit(settings.atlas) ? null : await openAtlas(settings, input.frames, await openRuntime(resolved))
  const copied = await copiedInput(
    {
      ...resolved,
      atlas: isFit(settings.atlas) ? settings.atlas : resolve(settings.atlas),
    },
    input,
  )
  if (opened?.atlas instanceof NeuralAtlas) await opened.atlas.prepare({ signal: environment.signal })
  const atlas = opened === null ? {} : { [videoFiles.atlas]: atlasBytes(opened.atlas, input.clipDigest) }
  const contents = { ...copied.contents, ...atlas, [videoFiles.config]: writeTableConfig(videoTable, copied.settings) }
  environment.signal.throwIfAborted()
  const isNew = out === null || !existsSync(out)
  const folder = await makeRunFolder(out, input.path.replace(/[/\\]+$/, ''), force, contents)
  try {
    return await runVideo(
      {
        settings: copied.settings,
        input: { ...input, path: folder.file(copied.settings.clip!) },
        folder,
        access,
        goal,
        early,
        opened,
        ...environment,
      },
      emitOutside,
    )
  } catch (error) {
    // An object that cannot be found, for instance, is bad input too: nothing is left of a run that cannot go on.
    const isInput =
      error instanceof Text2LiveError && error.exitStatus === 2 && !existsSync(folder.file(videoFiles.atlas))
    if (isNew && isInput) await rm(folder.path, { recursive: true, force: true })
    throw error
  } finally {
    folder.release()
  }
}

function assertPrompts(settings: VideoSettings): void {
  for (const layer of editedLayers(settings)) {
    const own = layer === 'foreground' ? settings.foregroundPrompt : settings.backgroundPrompt
    if (settings.prompt.length + own.length > 0) continue
    throw new Text2LiveError(
      'PROMPT_EMPTY',
      `A prompt is needed: say what the edited ${settings.layer === 'both' ? `${layer} (--${layer}-prompt)` : 'clip'} shows. ` +
        'For example: text2live video swan.mp4 "golden swan" --source swan --region swan',
    )
  }
}

const lastGiven = (layers: readonly GivenVideoOptions[], name: keyof GivenVideoOptions): unknown =>
  layers.findLast((layer) => layer[name] !== undefined && layer[name] !== null)?.[name]
