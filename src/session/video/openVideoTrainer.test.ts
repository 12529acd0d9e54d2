import { expect, it } from 'vitest'
import { countOpenings } from '../../../test/support/countOpenings.js'
import { slidingClip } from '../../../test/support/slidingClip.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import { clipMachine } from '../../run/video/clipMachine.js'
import { estimateClipFlow } from '../../atlas/clipFlow.js'
import { hereOnly } from '../guidanceAccess.js'
import { memoryStore } from '../memoryStore.js'
import { WarmModels } from '../warmModels.js'
import { masksStage } from './masksStage.js'
import { textsCheckedIn, videoTrainerIn } from './openVideoTrainer.js'
import type { StageTools } from './clipSession.js'

it('a clip that cannot take the learned start is told so, as a photo is', async () => {
  const settings = resolveVideoSettings(
    [
      {
        prompt: 'golden disc',
        region: 'none',
        start: 'learned',
        generatorWidth: 8,
        device: 'cpu',
        size: 0,
        trainSize: 0,
        boxBorder: 5,
        seed: 1,
      },
    ],
    () => 1,
  )
  const notes: string[] = []
  const trainer = await videoTrainerIn(clipMachine)(
    { settings, layer: 'foreground', ...slidingClip(168, 140, 3) },
    (notice) => {
      if (notice.type === 'note') notes.push(notice.message)
    },
    new AbortController().signal,
  )
  await trainer.dispose()
  expect(notes).toEqual([
    'surroundings: shown, since neither a region nor a mask bounds the edit',
    "start: random, since the learned one is for a generator of 64 channels and 7 levels; this run's has 8 and 7",
  ])
})

it('who checks the texts, who looks for the object and who trains each layer share engine and models', async () => {
  const { opened, place: machine } = countOpenings({ ...clipMachine, warm: new WarmModels() })
  const settings = resolveVideoSettings(
    [
      {
        prompt: 'golden disc',
        source: 'disc',
        backgroundPrompt: 'red stripes',
        backgroundRegion: 'stripes',
        layer: 'both',
        preset: 'preview',
        device: 'cpu',
        size: 0,
        trainSize: 0,
        seed: 1,
      },
    ],
    () => 1,
  )
  const { atlas, frames } = slidingClip(132, 130, 3)
  const { frames: small } = slidingClip(48, 40, 2)
  const { signal } = new AbortController()
  const told: string[] = []
  const notice = ({ type }: { readonly type: string }): void => void told.push(type)
  await textsCheckedIn(machine)(settings, ['foreground', 'background'], notice, signal, hereOnly)
  const tools = {
    settings,
    machine,
    signal,
    access: hereOnly,
    emit: notice,
    report: () => undefined,
    input: { frames: small, object: null, point: null },
    store: memoryStore('run'),
    fingerprint: { settings, pictures: '' },
  } as unknown as StageTools
  await masksStage(tools, await estimateClipFlow(small))
  for (const layer of ['foreground', 'background'] as const) {
    const trainer = await videoTrainerIn(machine)({ settings, layer, atlas, frames }, notice, signal)
    await trainer.dispose()
  }
  expect([...opened].sort()).toEqual(['outline', 'runtime', 'start', 'starter'])
  expect(told.filter((type) => type === 'model-loading')).toEqual(['model-loading'])
})
