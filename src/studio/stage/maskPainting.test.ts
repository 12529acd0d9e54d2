import { describe, expect, it } from 'vitest'
import { MaskPainting } from './maskPainting.js'
import type { Brush, StrokePoint } from './maskStroke.js'

const hard: Brush = { size: 40, hardness: 1, opacity: 1 }
const point = (x: number, y: number, pressure = 1): StrokePoint => ({ x, y, pressure })

function stroke(mask: MaskPainting, points: readonly StrokePoint[], brush: Brush = hard, erase = false): void {
  const [first, ...rest] = points
  expect(mask.begin(first!, brush, erase)).toBe(true)
  mask.extend(rest)
  mask.end()
}

const at = (mask: MaskPainting, x: number, y: number): number => mask.read().data[y * mask.width + x]!

/** What is to be drawn of a point, a stroke, an operation; from `seed` on always the same. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
}

describe('painting a mask', () => {
  it('begins empty, and has a stroke where it went', () => {
    const mask = new MaskPainting(900, 700)
    expect(mask.isEmpty).toBe(true)
    stroke(mask, [point(100, 300), point(700, 300)])
    expect(mask.isEmpty).toBe(false)
    for (const x of [82, 100, 256, 255, 511, 512, 700, 717]) expect(at(mask, x, 300)).toBe(255)
    for (const y of [281, 318]) expect(at(mask, 400, y)).toBe(255)
    for (const y of [278, 321]) expect(at(mask, 400, y)).toBe(0)
    expect(at(mask, 78, 300)).toBe(0)
    expect(at(mask, 722, 300)).toBe(0)
  })

  it('covers each px as its distance from the line says', () => {
    const mask = new MaskPainting(600, 400)
    const brush = { size: 90, hardness: 0.4, opacity: 1 }
    const line = [point(100, 80), point(420, 300), point(500, 60)]
    stroke(mask, line, brush)
    const { data } = mask.read()
    const distance = (x: number, y: number, [a, b]: readonly [StrokePoint, StrokePoint]): number => {
      const [dx, dy] = [b.x - a.x, b.y - a.y]
      const t = Math.min(1, Math.max(0, ((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy)))
      return Math.hypot(x - a.x - t * dx, y - a.y - t * dy)
    }
    const [inner, outer] = [45 * 0.4, 45.5]
    data.forEach((value, i) => {
      const [x, y] = [(i % 600) + 0.5, Math.floor(i / 600) + 0.5]
      const near = Math.min(distance(x, y, [line[0]!, line[1]!]), distance(x, y, [line[1]!, line[2]!]))
      const part = Math.min(1, Math.max(0, (outer - near) / (outer - inner)))
      if (Math.abs(value - Math.floor(255 * part * part * (3 - 2 * part) + 0.5)) > 1)
        expect.fail(`px ${x},${y}: ${value} at distance ${near}`)
    })
  })

  it('has the opacity of the stroke where it crosses itself, and of both strokes where two do', () => {
    const mask = new MaskPainting(400, 400)
    const half = { ...hard, opacity: 0.5 }
    stroke(mask, [point(100, 100), point(300, 300), point(300, 100), point(100, 300), point(100, 100)], half)
    expect(at(mask, 200, 200)).toBe(128)
    expect(at(mask, 120, 120)).toBe(128)
    stroke(mask, [point(200, 50), point(200, 350)], half)
    expect(at(mask, 200, 200)).toBe(192)
    stroke(mask, [point(200, 50), point(200, 350)], half, true)
    expect(at(mask, 200, 200)).toBe(96)
  })

  it('is the same however densely the points of a line come', () => {
    const [thin, dense] = [new MaskPainting(500, 300), new MaskPainting(500, 300)]
    stroke(thin, [point(60, 60), point(460, 220)])
    stroke(
      dense,
      Array.from({ length: 401 }, (_, i) => point(60 + i, 60 + 0.4 * i)),
    )
    const other = dense.read().data
    expect(thin.read().data.every((value, i) => Math.abs(value - other[i]!) <= 2)).toBe(true)
  })

  it('is as wide as the pen is pressed', () => {
    const mask = new MaskPainting(400, 300)
    stroke(mask, [point(50, 150, 0.1), point(350, 150, 1)], { ...hard, size: 100 })
    const { data } = mask.read()
    const width = (x: number): number => Array.from({ length: 300 }, (_, y) => data[y * 400 + x]).filter(Boolean).length
    expect(width(60)).toBeLessThan(35)
    expect(width(340)).toBeGreaterThan(90)
    expect(width(200)).toBeGreaterThan(width(100))
  })

  it('goes beyond the borders without harm', () => {
    const mask = new MaskPainting(300, 200)
    stroke(mask, [point(-500, 100), point(900, 100)])
    stroke(mask, [point(-500, -500), point(-400, -400)])
    expect(at(mask, 0, 100)).toBe(255)
    expect(at(mask, 299, 100)).toBe(255)
    expect(mask.undo()).toBe(true)
    expect(mask.isEmpty).toBe(true)
  })

  it('takes back a stroke that turns out to be none', () => {
    const mask = new MaskPainting(300, 300)
    stroke(mask, [point(50, 50)])
    const before = mask.read().data
    mask.begin(point(100, 100), hard)
    mask.extend([point(250, 250)])
    mask.cancel()
    expect(same(mask.read().data, before)).toBe(true)
    expect(mask.undo()).toBe(true)
    expect(mask.isEmpty).toBe(true)
    expect(mask.canUndo.value).toBe(false)
  })

  it('tells the px that change, all of them', () => {
    const mask = new MaskPainting(800, 600)
    const before = mask.read().data
    const changed = new Uint8Array(before.length)
    const end = mask.watch(({ x, y, width, height }) => {
      for (let row = y; row < y + height; row++) changed.fill(1, row * 800 + x, row * 800 + x + width)
    })
    stroke(mask, [point(100, 100), point(500, 400), point(790, 20)])
    expect(mask.read().data.every((value, i) => value === before[i] || changed[i] === 1)).toBe(true)
    expect(changed.filter(Boolean).length).toBeLessThan(0.8 * changed.length)
    end()
  })

  it('comes back to the same bytes through every undo and redo', async () => {
    const mask = new MaskPainting(700, 530)
    const draw = random(7)
    const states = [mask.read().data]
    const operations = [
      () => mask.grow(1 + draw(20)),
      () => mask.shrink(1 + draw(5)),
      () => mask.feather(1 + draw(15)),
      () => mask.invert(),
      () => mask.clear(),
      () => mask.fill(),
    ]
    for (let i = 0; i < 60; i++) {
      if (draw(3) === 0) await operations[draw(operations.length)]!()
      else {
        const points = Array.from({ length: 1 + draw(6) }, () =>
          point(draw(800) - 50, draw(630) - 50, (1 + draw(9)) / 9),
        )
        stroke(
          mask,
          points,
          { size: 1 + draw(120), hardness: draw(11) / 10, opacity: (1 + draw(10)) / 10 },
          draw(3) === 0,
        )
      }
      const now = mask.read().data
      if (!same(now, states.at(-1)!)) states.push(now)
    }
    expect(states.length).toBeGreaterThan(30)
    for (let k = states.length - 2; k >= 0; k--) {
      expect(mask.undo()).toBe(true)
      expect(same(mask.read().data, states[k]!), `undone to ${k}`).toBe(true)
    }
    expect(mask.undo()).toBe(false)
    for (let k = 1; k < states.length; k++) {
      expect(mask.redo()).toBe(true)
      expect(same(mask.read().data, states[k]!), `redone to ${k}`).toBe(true)
    }
    expect(mask.redo()).toBe(false)
    mask.undo()
    stroke(mask, [point(1, 1)])
    expect(mask.canRedo.value).toBe(false)
  })

  it('keeps a long past in little memory, and finds it again', async () => {
    const mask = new MaskPainting(2000, 1500)
    const draw = random(3)
    const soft = { size: 500, hardness: 0.2, opacity: 0.3 }
    for (let i = 0; i < 25; i++) {
      const points = Array.from({ length: 6 }, () => point(draw(2000), draw(1500)))
      stroke(mask, points, { ...soft, opacity: 0.2 + draw(5) / 10 }, i % 5 === 4)
    }
    const last = mask.read().data
    const unpacked = mask.historyBytes
    // What lies far off is packed beside other work.
    for (let wait = 0; wait < 200 && mask.historyBytes > 0.75 * unpacked; wait++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    expect(unpacked).toBeGreaterThan(45e6)
    expect(mask.historyBytes).toBeLessThan(0.75 * unpacked)
    while (mask.undo());
    expect(mask.isEmpty).toBe(true)
    while (mask.redo());
    expect(same(mask.read().data, last)).toBe(true)
  })
})

describe('changing a whole mask', () => {
  it('turns it over, and back', async () => {
    const mask = new MaskPainting(333, 257)
    stroke(mask, [point(50, 50), point(200, 120)], { ...hard, hardness: 0 })
    const before = mask.read().data
    await mask.invert()
    expect(
      same(
        mask.read().data,
        before.map((value) => 255 - value),
      ),
    ).toBe(true)
    await mask.invert()
    expect(same(mask.read().data, before)).toBe(true)
  })

  it('fills and clears it', () => {
    const mask = new MaskPainting(333, 257)
    mask.fill()
    expect(mask.read().data.every((value) => value === 255)).toBe(true)
    mask.clear()
    expect(mask.isEmpty).toBe(true)
  })

  it('grows and shrinks to what looking at every px gives, at the borders too', async () => {
    const [width, height, radius] = [300, 280, 9]
    const cut = 2 * Math.round(radius * 0.292893)
    const draw = random(11)
    const data = Uint8Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)]
      return (x < 40 && y < 50) || (x > 240 && y > 200) ? 55 + draw(200) : draw(400) === 0 ? draw(256) : 0
    })
    const by = (better: (a: number, b: number) => number): Uint8Array =>
      data.map((value, i) => {
        const [x, y] = [i % width, Math.floor(i / width)]
        for (let dy = Math.max(-radius, -y); dy <= Math.min(radius, height - 1 - y); dy++)
          for (let dx = Math.max(-radius, -x); dx <= Math.min(radius, width - 1 - x); dx++)
            if (Math.abs(dx) + Math.abs(dy) <= 2 * radius - cut) value = better(value, data[i + dy * width + dx]!)
        return value
      })
    for (const [operation, better] of [
      ['grow', Math.max],
      ['shrink', Math.min],
    ] as const) {
      const mask = new MaskPainting(width, height)
      await mask.load({ width, height, data })
      await mask[operation](radius)
      expect(same(mask.read().data, by(better)), operation).toBe(true)
    }
  })

  it('softens its edges, and leaves the rest', async () => {
    const mask = new MaskPainting(600, 300)
    mask.begin(point(300, 150), { size: 200, hardness: 1, opacity: 1 })
    mask.end()
    await mask.feather(20)
    expect(at(mask, 300, 150)).toBe(255)
    expect(at(mask, 400, 150)).toBeGreaterThan(90)
    expect(at(mask, 400, 150)).toBeLessThan(150)
    expect(at(mask, 435, 150)).toBe(0)
    const { data } = mask.read()
    for (let x = 380; x < 420; x++) expect(data[150 * 600 + x + 1]).toBeLessThanOrEqual(data[150 * 600 + x]!)
  })

  it('lets nothing else in while it is at work', async () => {
    const mask = new MaskPainting(1200, 900)
    stroke(mask, [point(100, 100), point(900, 700)])
    const growing = mask.grow(30)
    expect(mask.working.value).toBe(true)
    expect(mask.begin(point(10, 10), hard)).toBe(false)
    expect([await mask.invert(), mask.undo(), await mask.shrink(3)]).toEqual([false, false, false])
    expect(await growing).toBe(true)
    expect(mask.working.value).toBe(false)
    expect(at(mask, 100, 60)).toBe(255)
  })

  it('takes a plane of its size, and refuses another', async () => {
    const mask = new MaskPainting(260, 300)
    const data = Uint8Array.from({ length: 260 * 300 }, (_, i) => (i * 7919) % 256)
    await mask.load({ width: 260, height: 300, data })
    expect(same(mask.read().data, data)).toBe(true)
    await expect(mask.load({ width: 300, height: 260, data })).rejects.toMatchObject({ code: 'MASK_INVALID' })
    await expect(mask.grow(0)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    mask.undo()
    expect(mask.isEmpty).toBe(true)
  })
})

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
