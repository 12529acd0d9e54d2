import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContext, type Page as Tab, chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { StageView } from '../../../src/studio/stage/stageModel.js'
import type { StagePage } from './page.js'
import { serveStage } from './serveStage.js'

declare const page: StagePage

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
/** CSS px of the stage; a photo of 300x200 px is drawn in it with a margin. */
const stage = { width: 600, height: 400 }

let opened: { readonly site: Awaited<ReturnType<typeof serveStage>>; readonly browser: Browser } | null = null

afterAll(async () => {
  await opened?.browser.close()
  await opened?.site.close()
})

describe.skipIf(!existsSync(executablePath)).each([1, 2])('the stage, %i device px for each CSS px', (density) => {
  /** What does not depend on the density is tried once. */
  const once = it.runIf(density === 1)
  let context: BrowserContext
  let tab: Tab

  beforeAll(async () => {
    opened ??= { site: await serveStage(), browser: await chromium.launch({ executablePath, args: ['--no-sandbox'] }) }
    context = await opened.browser.newContext({ viewport: stage, deviceScaleFactor: density, hasTouch: true })
    tab = await context.newPage()
    tab.on('pageerror', (error) => process.stderr.write(`page: ${error.message}\n`))
  }, 120_000)

  afterAll(() => context.close())

  /** A photo of four quarters: red, green, blue, white; and a layer that is half opaque black in the middle. */
  beforeEach(async () => {
    await tab.goto(opened!.site.address)
    await tab.waitForFunction('globalThis.page')
    await tab.evaluate(async () => {
      const draw = async (
        width: number,
        height: number,
        fills: readonly (readonly [string, number, number, number, number])[],
      ): Promise<ImageBitmap> => {
        const canvas = new OffscreenCanvas(width, height)
        const on = canvas.getContext('2d')!
        for (const [colour, ...box] of fills) {
          on.fillStyle = colour
          on.fillRect(...box)
        }
        return await createImageBitmap(canvas)
      }
      page.model.show(
        await draw(300, 200, [
          ['#f00', 0, 0, 150, 100],
          ['#0f0', 150, 0, 150, 100],
          ['#00f', 0, 100, 150, 100],
          ['#fff', 150, 100, 150, 100],
        ]),
      )
      const picture = await draw(150, 100, [['rgb(0 0 0 / 50%)', 50, 25, 50, 50]])
      page.model.layers.value = [{ picture, opacity: 1, visible: true }]
    })
  })

  /** The stage as it is on the screen. */
  const shot = async (): Promise<(x: number, y: number) => number[]> => {
    // Two frames: what was asked for is drawn in the first, and shown in the second.
    await tab.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(0)))),
    )
    const { data, info } = await sharp(await tab.screenshot())
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect(info.width).toBe(stage.width * density)
    return (x, y) => {
      const at = 3 * (Math.floor(y * density) * info.width + Math.floor(x * density))
      return [...data.subarray(at, at + 3)]
    }
  }
  /** Where a px of the photo is in the pane, CSS px. */
  const place = (x: number, y: number): Promise<{ x: number; y: number }> =>
    tab.evaluate(
      ([px, py]) => {
        const { scale, x: left, y: top } = page.model.matrix.value
        return { x: left + px! * scale, y: top + py! * scale }
      },
      [x, y],
    )
  const look = (view: StageView): Promise<void> =>
    tab.evaluate((name) => {
      page.model.view.value = name
    }, view)
  const mask = (x: number, y: number): Promise<number> =>
    tab.evaluate(
      ([px, py]) => {
        const { data, width } = page.model.mask.value!.read()
        return data[py! * width + px!]!
      },
      [x, y],
    )
  const take = (tool: 'pan' | 'brush' | 'eraser', brush = { size: 20, hardness: 1, opacity: 1 }): Promise<void> =>
    tab.evaluate(
      ([name, what]) => {
        page.model.tool.value = name
        page.model.brush.value = what
      },
      [tool, brush] as const,
    )
  const drag = async (from: readonly [number, number], to: readonly [number, number]): Promise<void> => {
    const [start, end] = [await place(...from), await place(...to)]
    await tab.mouse.move(start.x, start.y)
    await tab.mouse.down()
    await tab.mouse.move(end.x, end.y, { steps: 5 })
    await tab.mouse.up()
  }
  const near = (colour: number[], expected: readonly number[], by = 6): void =>
    expect(
      colour.every((value, i) => Math.abs(value - expected[i]!) <= by),
      `${colour.join()} for ${expected.join()}`,
    ).toBe(true)

  /** Counts what is drawn on the stage from now on. */
  const countDraws = async (): Promise<() => Promise<number>> => {
    await tab.evaluate(() => {
      const counted = globalThis as unknown as { draws: number }
      counted.draws = 0
      const draw = Reflect.get(CanvasRenderingContext2D.prototype, 'drawImage') as (...args: unknown[]) => void
      CanvasRenderingContext2D.prototype.drawImage = function (...args: unknown[]): void {
        counted.draws++
        draw.apply(this, args)
      }
    })
    return () => tab.evaluate(() => (globalThis as unknown as { draws: number }).draws)
  }

  it('shows each view of the same photo px at the same place', async () => {
    const [corner, middle, right] = [await place(20, 20), await place(110, 70), await place(190, 70)]
    const expected: readonly (readonly [StageView, readonly number[], readonly number[]])[] = [
      ['result', [255, 0, 0], [127, 0, 0]],
      ['photo', [255, 0, 0], [255, 0, 0]],
      ['alpha', [0, 0, 0], [128, 128, 128]],
      ['green', [0, 255, 0], [0, 127, 0]],
      ['compare', [255, 0, 0], [255, 0, 0]],
    ]
    for (const [view, atCorner, atMiddle] of expected) {
      await look(view)
      const at = await shot()
      near(at(corner.x, corner.y), atCorner)
      near(at(middle.x, middle.y), atMiddle)
      if (view === 'compare') near(at(right.x, right.y), [0, 127, 0])
    }
    await look('layer')
    const board = await shot()
    expect([204, 255]).toContain(board(corner.x, corner.y)[0])
    expect([102, 127, 128]).toContain(board(middle.x, middle.y)[0])
  })

  it('shows both halves of `side` under one matrix', async () => {
    await look('side')
    const at = await shot()
    const [corner, middle] = [await place(20, 20), await place(140, 90)]
    near(at(middle.x, middle.y), [255, 0, 0])
    near(at(middle.x + 300, middle.y), [127, 0, 0])
    near(at(corner.x + 300, corner.y), [255, 0, 0])
    await take('brush')
    // Painting in the right half is painting at the same px.
    await tab.mouse.click(middle.x + 300, middle.y)
    expect(await mask(140, 90)).toBe(255)
  })

  it('shows layers by order, opacity and visibility, a preview in their place, and a map as a tint', async () => {
    const middle = await place(140, 90)
    await tab.evaluate(() => {
      const [layer] = page.model.layers.value
      page.model.layers.value = [{ ...layer!, opacity: 0.5 }]
    })
    near((await shot())(middle.x, middle.y), [191, 0, 0])
    await tab.evaluate(() => {
      const [layer] = page.model.layers.value
      page.model.layers.value = [layer!, { ...layer!, visible: false }, { ...layer!, opacity: 1 }]
    })
    near((await shot())(middle.x, middle.y), [96, 0, 0])
    await tab.evaluate(async () => {
      const grey = new ImageData(new Uint8ClampedArray([255, 255, 255, 255]), 1, 1)
      page.model.map.value = await createImageBitmap(grey)
      const blue = new ImageData(new Uint8ClampedArray([0, 0, 200, 255]), 1, 1)
      page.model.preview.value = await createImageBitmap(blue)
    })
    near((await shot())(middle.x, middle.y), [153, 102, 80])
    await tab.evaluate(() => {
      page.model.map.value = null
    })
    near((await shot())(middle.x, middle.y), [0, 0, 200])
  })

  it('paints at the px under the pointer, at every zoom', async () => {
    await take('brush', { size: 6, hardness: 1, opacity: 1 })
    const spots = [
      [40, 30],
      [250, 60],
      [151, 101],
      [10, 190],
    ] as const
    for (const [i, [x, y]] of spots.entries()) {
      await tab.evaluate(
        ([zoom, px, py]) => {
          page.model.fit()
          const { scale, x: left, y: top } = page.model.matrix.value
          page.model.zoomTo(zoom!, { x: left + px! * scale, y: top + py! * scale })
        },
        [[0.5, 1.7, 5, 24][i]!, x, y],
      )
      const { x: left, y: top } = await place(x + 0.5, y + 0.5)
      await tab.mouse.click(left, top)
      expect(await mask(x, y)).toBe(255)
      expect(await mask(x + 2, y)).toBe(255)
      expect([await mask(x + 5, y), await mask(x, y - 5)]).toEqual([0, 0])
      // And it is seen there.
      const [before, after] = [[255, 40, 90], (await shot())(left, top)]
      expect(before[0]! - after[0]!).toBeLessThan(130)
    }
  })

  it('shows exactly the stroke, and nothing of it once it is undone', async () => {
    const clean = await shot()
    await take('brush', { size: 30, hardness: 1, opacity: 1 })
    await drag([30, 150], [120, 150])
    const [inside, outside] = [await place(75, 150), await place(75, 120)]
    await tab.mouse.move(1, 1)
    const painted = await shot()
    near(painted(inside.x, inside.y), [140, 22, 164])
    near(painted(outside.x, outside.y), [0, 0, 255])
    await tab.keyboard.press('Control+z')
    const undone = await shot()
    near(undone(inside.x, inside.y), clean(inside.x, inside.y), 0)
    await tab.keyboard.press('Control+Shift+z')
    near((await shot())(inside.x, inside.y), painted(inside.x, inside.y), 0)
  })

  it('erases, and applies opacity once for a stroke', async () => {
    await take('brush', { size: 40, hardness: 1, opacity: 0.5 })
    await drag([60, 100], [200, 100])
    expect(await mask(100, 100)).toBe(128)
    await take('eraser', { size: 20, hardness: 1, opacity: 1 })
    await drag([100, 100], [140, 100])
    expect([await mask(120, 100), await mask(180, 100)]).toEqual([0, 128])
  })

  once('is as wide as a pen is pressed', async () => {
    await take('brush', { size: 80, hardness: 1, opacity: 1 })
    const at = await place(150, 100)
    await tab.evaluate(({ x, y }) => {
      const send = (type: string, pressure: number, button = 0): boolean =>
        document.querySelector('[role=application]')!.dispatchEvent(
          new PointerEvent(type, {
            pointerId: 1,
            pointerType: 'pen',
            clientX: x,
            clientY: y,
            pressure,
            button,
            bubbles: true,
          }),
        )
      // A pointer that the browser does not know of cannot be captured.
      HTMLElement.prototype.setPointerCapture = () => undefined
      send('pointerdown', 0.2)
      send('pointerup', 0)
      // The other end of the pen rubs out.
      send('pointerdown', 0.01, 5)
      send('pointerup', 0, 5)
    }, at)
    expect([await mask(150, 100), await mask(150, 110), await mask(150, 116)]).toEqual([0, 255, 0])
  })

  it('zooms by wheel about the pointer, pans by drag, space and keys', async () => {
    const at = await place(50, 60)
    await tab.mouse.move(at.x, at.y)
    await tab.mouse.wheel(0, -400)
    await expect.poll(() => tab.evaluate(() => page.model.fitted.value)).toBe(false)
    const zoomed = await place(50, 60)
    expect([zoomed.x, zoomed.y]).toEqual([expect.closeTo(at.x, 3), expect.closeTo(at.y, 3)])
    await tab.mouse.down()
    await tab.mouse.move(at.x + 30, at.y + 10)
    await tab.mouse.up()
    const moved = await place(50, 60)
    expect([moved.x - at.x, moved.y - at.y]).toEqual([expect.closeTo(30, 3), expect.closeTo(10, 3)])
    await take('brush')
    await tab.keyboard.down(' ')
    await tab.mouse.down()
    await tab.mouse.move(at.x, at.y)
    await tab.mouse.up()
    await tab.keyboard.up(' ')
    const back = await place(50, 60)
    expect([back.x, back.y]).toEqual([expect.closeTo(at.x, 3), expect.closeTo(at.y, 3)])
    expect(await tab.evaluate(() => page.model.mask.value)).toBe(null)
    await tab.keyboard.press('ArrowRight')
    expect((await place(50, 60)).x).toBeCloseTo(at.x - 60, 3)
    await tab.keyboard.press('1')
    expect(await tab.evaluate(() => page.model.zoom.value)).toBeCloseTo(1, 6)
    await tab.keyboard.press('0')
    expect(await tab.evaluate(() => page.model.fitted.value)).toBe(true)
  })

  once('zooms and pans by two fingers, which leave no stroke', async () => {
    await take('brush')
    const session = await context.newCDPSession(tab)
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: readonly (readonly [number, number])[]) =>
      session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) })
    const before = await tab.evaluate(() => page.model.matrix.value)
    await touch('touchStart', [[250, 200]])
    await touch('touchStart', [
      [250, 200],
      [350, 200],
    ])
    await touch('touchMove', [
      [200, 230],
      [400, 230],
    ])
    await touch('touchEnd', [])
    await expect.poll(() => tab.evaluate(() => page.model.matrix.value.scale)).toBeCloseTo(2 * before.scale, 1)
    expect(await tab.evaluate(() => page.model.mask.value?.isEmpty)).toBe(true)
    expect(await tab.evaluate(() => page.model.mask.value?.canUndo.value)).toBe(false)
  })

  it('looks the same however it came about: moved, slid, painted', async () => {
    const pixels = async (): Promise<Buffer> => {
      await shot()
      return await sharp(await tab.screenshot())
        .raw()
        .toBuffer()
    }
    const anew = async (): Promise<Buffer> => {
      await tab.evaluate(() => {
        page.model.layers.value = [...page.model.layers.value]
      })
      return await pixels()
    }
    await take('brush', { size: 50, hardness: 0.3, opacity: 0.7 })
    await tab.evaluate(() => page.model.zoomTo(3.7))
    // On a slow machine a zoom is drawn by single samples until it rests.
    await tab.waitForTimeout(300)
    await drag([100, 60], [190, 140])
    await tab.mouse.move(1, 1)
    for (const view of ['result', 'layer', 'side', 'compare'] as const) {
      await look(view)
      await pixels()
      for (const [dx, dy] of [
        [31, 0],
        [-12.4, 55.3],
        [0, -70],
      ] as const) {
        await tab.evaluate(([x, y]) => page.model.panBy(x, y), [dx, dy] as const)
        const moved = await pixels()
        expect(moved.equals(await anew()), `${view} by ${dx},${dy}`).toBe(true)
      }
    }
    for (const part of [0.8, 0.21]) {
      await tab.evaluate((value) => page.model.slideTo(value), part)
      const slid = await pixels()
      expect(slid.equals(await anew()), `slid to ${part}`).toBe(true)
    }
    await drag([150, 70], [170, 120])
    await tab.mouse.move(1, 1)
    const painted = await pixels()
    expect(painted.equals(await anew())).toBe(true)
    await tab.evaluate(() => {
      page.model.maskShown.value = false
    })
    const hidden = await pixels()
    expect(hidden.equals(painted)).toBe(false)
    expect(hidden.equals(await anew())).toBe(true)
  })

  it('shows px crisp at a high zoom', async () => {
    await tab.evaluate(() => {
      page.model.layers.value = []
      page.model.zoomTo(32)
    })
    const [left, right] = [await place(149.9, 50), await place(150.1, 50)]
    const at = await shot()
    near(at(left.x, left.y), [255, 0, 0], 0)
    near(at(right.x, right.y), [0, 255, 0], 0)
  })

  it('moves the slider by keys and by dragging', async () => {
    await look('compare')
    const slider = tab.getByRole('slider')
    const now = async (): Promise<number> => Number(await slider.getAttribute('aria-valuenow'))
    await slider.focus()
    for (const [key, value] of [
      ['ArrowRight', 51],
      ['PageUp', 61],
      ['ArrowLeft', 60],
      ['Home', 0],
      ['End', 100],
    ] as const) {
      await tab.keyboard.press(key)
      await expect.poll(now).toBe(value)
    }
    const middle = await place(140, 90)
    near((await shot())(middle.x, middle.y), [255, 0, 0])
    await tab.keyboard.press('Home')
    near((await shot())(middle.x, middle.y), [127, 0, 0])
    await tab.mouse.move(3, 300)
    await tab.mouse.down()
    await tab.mouse.move(450, 300)
    await tab.mouse.up()
    await expect.poll(now).toBe(75)
    expect(await slider.getAttribute('aria-valuetext')).toBe('75 %')
  })

  it('draws only when something changed', async () => {
    await shot()
    const draws = await countDraws()
    await tab.waitForTimeout(200)
    await tab.mouse.move(100, 100)
    await tab.mouse.move(200, 200)
    await shot()
    expect(await draws()).toBe(0)
    await tab.keyboard.press('Tab')
    await tab.keyboard.press('+')
    await shot()
    expect(await draws()).toBeGreaterThan(0)
  })

  once('tells that it is at work while a mask of 24 megapixels grows', async () => {
    await tab.evaluate(async () => {
      page.model.show(await createImageBitmap(new ImageData(60, 40)), { width: 6000, height: 4000 })
      const mask = page.model.paintable()!
      mask.begin({ x: 500, y: 500, pressure: 1 }, { size: 300, hardness: 1, opacity: 1 })
      mask.extend([{ x: 5500, y: 3500, pressure: 1 }])
      mask.end()
      void mask.grow(60)
    })
    const status = tab.getByRole('status')
    await expect.poll(() => status.textContent()).toBe('At work')
    await expect.poll(() => status.textContent(), { timeout: 20_000 }).toBe('')
    expect(await mask(500 - 150 - 50, 500)).toBeGreaterThan(200)
    expect(await mask(500 - 150 - 70, 500)).toBe(0)
    // What is drawn in shares comes to an end, and is the mask.
    await tab.waitForTimeout(500)
    const draws = await countDraws()
    const at = await shot()
    const [inside, outside] = [await place(3000, 2000), await place(3000, 500)]
    near(at(inside.x, inside.y), at(inside.x - 10, inside.y))
    expect(at(inside.x, inside.y)).not.toEqual(at(outside.x, outside.y))
    await tab.waitForTimeout(300)
    expect(await draws()).toBe(0)
  })

  once('takes the mask from a picture of another size, brightness and opacity together', async () => {
    await tab.evaluate(async () => {
      const pixels = new ImageData(new Uint8ClampedArray([255, 255, 255, 255, 255, 255, 255, 128, 0, 0, 0, 255]), 3, 1)
      await page.model.paintable()!.load(await createImageBitmap(pixels))
    })
    const [white, half, black] = [await mask(2, 100), await mask(150, 100), await mask(298, 100)]
    expect([white, black]).toEqual([255, 0])
    expect(Math.abs(half - 128)).toBeLessThan(3)
  })

  once('decodes a photo upright, and says what is wrong with one', async () => {
    const turned = await sharp({ create: { width: 64, height: 40, channels: 3, background: '#f00' } })
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer()
    const decode = (bytes: Uint8Array) =>
      tab.evaluate(
        (base64) =>
          fetch(`data:image/jpeg;base64,${base64}`)
            .then((response) => response.blob())
            .then((blob) => page.decodePhoto(blob))
            .then(
              ({ picture, size }) => ({ size, shown: [picture.width, picture.height] }),
              (error: unknown) => ({ code: (error as { code: string }).code, message: String(error) }),
            ),
        Buffer.from(bytes).toString('base64'),
      )
    expect(await decode(turned)).toEqual({ size: { width: 40, height: 64 }, shown: [40, 64] })
    expect(await decode(turned.subarray(0, 90))).toMatchObject({ code: 'INPUT_TRUNCATED' })
    expect(await decode(new Uint8Array(0))).toMatchObject({ code: 'INPUT_EMPTY' })
  })

  once('shows a layer of straight alpha by its own colours', async () => {
    const png = await sharp(Buffer.from([200, 100, 40, 128]), { raw: { width: 1, height: 1, channels: 4 } })
      .png()
      .toBuffer()
    await tab.evaluate(async (base64) => {
      const blob = await (await fetch(`data:image/png;base64,${base64}`)).blob()
      page.model.layers.value = [{ picture: await page.decodeLayer(blob), opacity: 1, visible: true }]
    }, png.toString('base64'))
    const at = await place(250, 150)
    // Over white: half of it and half of the colour.
    near((await shot())(at.x, at.y), [227, 177, 147], 3)
  })

  once('has nothing that axe-core calls serious', async () => {
    await look('compare')
    await tab.addScriptTag({ content: readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8') })
    const found = await tab.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string }[]; passes: unknown[] }> }
      }
      const { violations, passes } = await axe.run()
      return { passed: passes.length, serious: violations.filter(({ impact }) => /serious|critical/.test(impact)) }
    })
    expect(found.serious).toEqual([])
    expect(found.passed).toBeGreaterThan(3)
  })
})
