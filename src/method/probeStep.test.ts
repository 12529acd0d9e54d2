import { expect, it } from 'vitest'
import { deviceRuntime } from '../../test/support/deviceRuntime.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { ProbeStep } from './probeStep.js'

it('trains: the loss falls from step to step, with the state on the device', async () => {
  const device = deviceRuntime(createNodeRuntime({ device: 'cpu', threads: 1 }))
  const step = new ProbeStep(device)
  const losses: number[] = []
  for (let k = 0; k < 4; k++) losses.push(await step.run())
  expect(
    losses.every((loss, k) => k === 0 || loss < losses[k - 1]!),
    losses.join(),
  ).toBe(true)
  expect(device.alive.size).toBe(3)
  await step.dispose()
})
