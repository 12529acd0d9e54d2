import { expect, it } from 'vitest'
import { chooseDevice, probeHere } from './probeDevice.js'

it('times a training step in small on the CPU, which always works', async () => {
  const probe = await probeHere('cpu')
  expect(probe).toMatchObject({ device: 'cpu', works: true })
  expect(probe.works && probe.milliseconds).toBeGreaterThan(0.1)
})

it('takes a device that was asked for as it is', async () => {
  expect(await chooseDevice('webgpu')).toBe('webgpu')
})
