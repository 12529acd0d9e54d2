import { expect, it } from 'vitest'
import type { Runtime } from '../engine/runtime.js'
import { deviceRuntime } from '../../test/support/deviceRuntime.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { ProbeStep, timeTraining } from './probeStep.js'

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

it('ranks a device by the time of a step; one that computes something else than it should is refused', async () => {
  const cpu = createNodeRuntime({ device: 'cpu', threads: 1 })
  const milliseconds = await timeTraining(cpu)
  expect(milliseconds).toBeGreaterThan(1)
  expect(milliseconds).toBeLessThan(Infinity)
  const wrong: Runtime = {
    ...cpu,
    async compile(...asked) {
      const program = await cpu.compile(...asked)
      const run: typeof program.run = async (feeds) => {
        const outputs = await program.run(feeds)
        return Object.fromEntries(
          Object.entries(outputs).map(([name, { data, dims }]) => [
            name,
            new cpu.Tensor(
              'float32',
              (data as Float32Array).map((x) => x * 1.01),
              dims,
            ),
          ]),
        )
      }
      return { ...program, run }
    },
  }
  await expect(timeTraining(wrong)).rejects.toMatchObject({ code: 'DEVICE_FAILED' })
})
