import { describe, expect, it } from 'vitest'
import { flowUnits } from '../clipFlow.js'
import { randomStream } from '../../engine/random.js'
import { type Homography, cameraMotion, project } from './cameraMotion.js'

const [width, height] = [160, 90]

/** The flow of a camera, with a block of another motion and noise of a tenth of a pixel. */
function flowOf(camera: Homography, block: (x: number, y: number) => boolean) {
  const random = randomStream(1, 'noise')
  const size = width * height
  const data = new Float32Array(2 * size)
  for (let i = 0; i < size; i++) {
    const [x, y] = [i % width, Math.floor(i / width)]
    const [px, py] = block(x, y) ? [x + 9, y - 4] : project(camera, x, y)
    data[i] = px - x + random.uniform(-0.1, 0.1)
    data[size + i] = py - y + random.uniform(-0.1, 0.1)
  }
  return { data: flowUnits(data), valid: new Uint8Array(size).fill(1) }
}

const worst = (found: Homography, camera: Homography) =>
  Math.max(
    ...[
      [0, 0],
      [width - 1, 0],
      [0, height - 1],
      [width - 1, height - 1],
    ].map(([x, y]) => {
      const [a, b] = [project(found, x!, y!), project(camera, x!, y!)]
      return Math.hypot(a[0] - b[0], a[1] - b[1])
    }),
  )

describe('cameraMotion', () => {
  const camera: Homography = [1.02, -0.03, 3, 0.028, 1.01, -2, 1e-4, -5e-5]

  it('finds the homography that most of the picture follows, whatever an object in the middle does', () => {
    const flow = flowOf(camera, (x, y) => x > 40 && x < 110 && y > 20 && y < 75)
    expect(worst(cameraMotion(flow, width, height, randomStream(3, 'camera')), camera)).toBeLessThan(0.2)
  })
  it('finds a camera that stands still, and needs some valid flow to say more', () => {
    const still: Homography = [1, 0, 0, 0, 1, 0, 0, 0]
    expect(
      worst(
        cameraMotion(
          flowOf(still, () => false),
          width,
          height,
          randomStream(3, 'camera'),
        ),
        still,
      ),
    ).toBeLessThan(0.1)
    const none = { ...flowOf(camera, () => false), valid: new Uint8Array(width * height) }
    expect(cameraMotion(none, width, height, randomStream(3, 'camera'))).toEqual(still)
  })
})
