import { expect, it } from 'vitest'
import { slidingClip } from '../../../test/support/slidingClip.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import { clipMachine } from '../../run/video/clipMachine.js'
import { videoTrainerIn } from './openVideoTrainer.js'

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
    "start: random, since the learned one is for a generator of 64 channels and 7 levels; this run's has 8 and 7",
  ])
})
