import type { LayerName } from '../../atlas/layeredAtlas.js'
import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../../media/image.js'
import { cutEvents } from '../eventLog.js'
import { hereOnly } from '../../session/guidanceAccess.js'
import { openRunFolder } from '../runFolder.js'
import { readFittedAtlas } from './atlasStage.js'
import { removeTransientCheckpoints } from './removeTransientCheckpoints.js'
import { renderStage } from './renderStage.js'
import { inFolder, readVideoSettings } from './resumeVideo.js'
import { editedLayers, measured, type VideoResult } from './runVideo.js'
import { stageReport } from './stageReport.js'
import { fitting, readEdit, readState, trainerInput } from './trainStage.js'
import type { VideoEnvironment } from './videoEnvironment.js'
import { videoFiles } from './videoFiles.js'
import { readVideoInput } from './videoInput.js'
import { VideoSession, type EmitVideo } from './videoSession.js'

/**
 * Writes the outputs of a run over a clip again, from the state that its training has reached, without training.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED; CHECKPOINT_INVALID where nothing was trained yet
 */
export async function renderVideo(path: string, environment: VideoEnvironment, emit: EmitVideo): Promise<VideoResult> {
  const { signal, openTrainer } = environment
  const folder = await openRunFolder(path)
  let session: VideoSession | null = null
  try {
    const settings = await readVideoSettings(folder)
    const input = await readVideoInput(inFolder(folder, settings), signal, stageReport('clip', emit))
    const base = {
      settings,
      input,
      folder,
      access: hereOnly,
      signal,
      fingerprint: { settings, pictures: input.digest },
    }
    const atlas = await readFittedAtlas(base)
    if (atlas === null) throw nothingYet(path)
    // Behind the half of a line, which a killed process may have left, nothing would be read.
    cutEvents(folder.file(videoFiles.events), () => false)
    session = new VideoSession(base, emit)
    const edits: { -readonly [Layer in LayerName]?: FloatImage } = {}
    let steps = 0
    for (const layer of editedLayers(settings)) {
      const [state, drawn] = [await readState(base, layer), await readEdit(base, layer)]
      if (state === null) continue
      steps += state.step
      if (drawn?.step === state.step) {
        edits[layer] = (await fitting(drawn, atlas, layer)).edit
        continue
      }
      edits[layer] = await session.stage(
        'training',
        async () => {
          const trainer = await openTrainer(trainerInput(base, atlas, layer, state), emit, signal)
          try {
            return await trainer.edit()
          } finally {
            await trainer.dispose()
          }
        },
        layer,
      )
    }
    if (Object.keys(edits).length === 0) throw nothingYet(path)
    const rendered = await session.stage('rendering', (tools) => renderStage(tools, atlas, edits))
    const metrics = await measured(session, atlas, rendered)
    const finished = steps >= settings.steps * editedLayers(settings).length
    if (finished) await removeTransientCheckpoints(folder)
    session.done()
    return { finished, settings, folder: folder.path, metrics }
  } catch (error) {
    session?.fail(error)
    throw error
  } finally {
    session?.close()
    folder.release()
  }
}

const nothingYet = (path: string): Text2LiveError =>
  new Text2LiveError(
    'CHECKPOINT_INVALID',
    `${path} holds no trained edit yet, so there is nothing to render. Continue the run first: text2live video --resume ${path}`,
  )
