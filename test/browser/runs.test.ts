import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readPsd } from 'ag-psd'
import { unzipSync } from 'fflate'
import { type Browser, type BrowserContext, type Page as Tab, chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { registerGuidance } from '../../src/models/node/registerGuidance.js'
import { imageJobOf } from '../../src/run/imageJob.js'
import { runImageJob } from '../../src/run/runImageJob.js'
import { buildTrainer, nodePlace } from '../../src/run/buildTrainer.js'
import { scoreHere } from '../../src/run/scoreRun.js'
import { nodeMachine } from '../../src/run/nodeMachine.js'
import { locatePhoto } from '../../src/session/locatePhoto.js'
import { outputFiles } from '../../src/session/events.js'
import { runFiles } from '../../src/session/runFiles.js'
import { openTab, readInTab } from './openTab.js'
import type { Page, PageJob } from './page.js'
import { runLaws } from '../support/runLaws.js'
import { servePage } from './servePage.js'

declare const page: Page

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const teapot = fileURLToPath(new URL('../../examples/teapot.jpg', import.meta.url))
const coloursAndEdges = new URL('../../examples/colours-and-edges.mjs', import.meta.url)
const [width, height] = [256, 192]
const options = {
  prompt: ['golden teapot'],
  source: ['teapot'],
  region: ['none'],
  preset: 'preview',
  size: 192,
  views: 1,
  start: 'random',
  generatorWidth: 8,
  generatorLevels: 4,
  steps: 3,
  previewEvery: 2,
  seed: 7,
  device: 'cpu',
} as const

describe.skipIf(!existsSync(executablePath))('runs in Chromium, from a page with nothing of Node', () => {
  let site: Awaited<ReturnType<typeof servePage>>
  let browser: Browser
  let context: BrowserContext
  let tab: Tab
  let work: string
  let job: Extract<PageJob, { kind: 'image' }>

  const run = (asked: PageJob, stopAt?: number) =>
    tab.evaluate(([one, stop]) => page.runJob(one, stop), [asked, stopAt] as const)
  const done = async (asked: PageJob, stopAt?: number) => {
    const answer = await run(asked, stopAt)
    if ('code' in answer) throw new Error(`${answer.code}: ${answer.message}`)
    return answer
  }
  const read = (name: string, file: string) => readInTab(tab, name, file)

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'text2live-runs-'))
    const photo = await sharp(teapot).resize(width, height).png().toBuffer()
    const mask = await sharp(
      Buffer.from(
        `<svg width="${width}" height="${height}"><rect width="${width}" height="${height}"/><rect x="40" y="30" width="160" height="120" fill="white"/></svg>`,
      ),
    )
      .png()
      .toBuffer()
    job = { kind: 'image', options, photo: photo.toString('base64'), mask: mask.toString('base64'), run: 'teapot' }
    site = await servePage()
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    context = await browser.newContext()
    tab = await openTab(context, site.address)
  }, 300_000)

  afterAll(async () => {
    await browser.close()
    await site.close()
    await rm(work, { recursive: true, force: true })
  })

  const newTab = async (): Promise<void> => {
    await tab.close()
    tab = await openTab(context, site.address)
  }
  const toldBy = ({ events, result }: Awaited<ReturnType<typeof done>>) => {
    if (!('finished' in result)) throw new Error('expected a run')
    return { events, finished: result.finished, step: result.step }
  }
  runLaws(
    () => ({
      start: async (name, { steps, stopAt }) => {
        const told = toldBy(await done({ ...job, run: name, options: { ...options, steps } }, stopAt))
        // What is kept is in the browser, whatever becomes of the page.
        if (stopAt !== undefined) await newTab()
        return told
      },
      goOn: async (name, how = { steps: 4 }) => toldBy(await done({ kind: 'resume', run: name, options: how })),
      render: async (name) => toldBy(await done({ kind: 'render', run: name })),
      read,
    }),
    600_000,
  )

  it('what it leaves is what an editor reads, and outside the mask the photo', async () => {
    const photo = await sharp(Buffer.from(job.photo, 'base64')).removeAlpha().raw().toBuffer()
    const composite = await sharp((await read('whole', outputFiles.composite))!)
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect(composite.info).toMatchObject({ width, height, channels: 3 })
    let changed = 0
    for (let i = 0; i < width * height; i++) {
      const [x, y] = [i % width, Math.floor(i / width)]
      const same = [0, 1, 2].every((c) => composite.data[3 * i + c] === photo[3 * i + c])
      if (x < 38 || x > 202 || y < 28 || y > 152) expect(same, `${x} ${y}`).toBe(true)
      else if (!same) changed++
    }
    expect(changed).toBeGreaterThan(500)
    expect(
      readPsd((await read('whole', outputFiles.layersPsd))!, {
        skipLayerImageData: true,
        skipCompositeImageData: true,
      }).children?.map(({ name }) => name),
    ).toEqual(['photo', 'edit layer'])
    expect(Object.keys(unzipSync(new Uint8Array((await read('whole', outputFiles.layersOra))!)))).toContain(
      'data/edit.png',
    )
    expect((await sharp((await read('whole', outputFiles.edit))!).metadata()).channels).toBe(4)
  })

  it('a run of the browser has the scores that Node gives it, and goes on there, from its files', async () => {
    const folder = join(work, 'run')
    for (const name of [
      runFiles.config,
      runFiles.checkpoint,
      runFiles.events,
      outputFiles.composite,
      outputFiles.alpha,
      'photo.png',
      'mask.png',
    ]) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), (await read('stopped', name))!)
    }
    const scored = (await done({ kind: 'score', run: 'stopped', options: {} })).result
    if (!('similarity' in scored)) throw new Error('expected scores')
    const [here] = await scoreHere({ kind: 'score', run: folder, options: {} })
    expect({ ...scored, folder }).toMatchObject({ folder, seed: here!.seed, guidance: ['starter'] })
    for (const name of [
      'similarity',
      'directional',
      'structure_distance',
      'alpha_mean',
      'change_outside_alpha',
    ] as const)
      expect(scored[name], name).toBeCloseTo(here![name], 4)
    const result = await runImageJob(
      imageJobOf({ resume: folder, steps: 4 }, false),
      { open: buildTrainer, signal: new AbortController().signal },
      () => undefined,
    )
    expect(result).toMatchObject({ finished: true, step: 4 })
    expect((await sharp(result.files.composite).metadata()).width).toBe(width)
  }, 300_000)

  it('shows where the words are, as Node does, and keeps nothing', async () => {
    const { region: _, source: __, ...rest } = options
    const names = await tab.evaluate(() => page.runNames())
    const located = await done({ kind: 'relevancy', options: rest, photo: job.photo })
    expect(located.events).toContain('phase')
    if (!('planes' in located.result)) throw new Error('expected a map')
    const { planes, share, texts, notes } = located.result
    expect(planes).toMatchObject({ width: 256, height: 192, channels: 1 })
    const here = await locatePhoto(
      { options: rest, photo: Buffer.from(job.photo, 'base64') },
      { ...nodePlace, codec: nodeMachine.codec },
    )
    expect(texts).toEqual(here.texts)
    expect(notes).toEqual(here.notes)
    expect(share).toBeCloseTo(here.share, 2)
    expect(share).toBeGreaterThan(0.05)
    expect(share).toBeLessThan(0.6)
    expect(await tab.evaluate(() => page.runNames())).toEqual(names)
  }, 300_000)

  it('is guided by a plug-in that its worker registered, under the name that it has in Node', async () => {
    const plugin = await registerGuidance(coloursAndEdges)
    const { result } = await done({
      ...job,
      run: 'plugin',
      options: { ...options, steps: 1, previewEvery: 0, guidance: [plugin] },
    })
    expect(result).toMatchObject({ finished: true, step: 1 })
    expect((await read('plugin', runFiles.config))!.toString()).toContain(plugin)
    const other = await run({ ...job, run: 'other', options: { ...options, guidance: [plugin.replace(/.$/, '!')] } })
    expect('code' in other && other.code).toBe('GUIDANCE_NOT_REGISTERED')
  }, 300_000)

  it('refuses by code what a person gets wrong, and a run that another worker holds', async () => {
    const code = async (asked: PageJob): Promise<string | undefined> => {
      const answer = await run(asked)
      return 'code' in answer ? answer.code : undefined
    }
    expect(await code({ ...job, options: { ...options, prompt: [] } })).toBe('PROMPT_EMPTY')
    expect(await code({ ...job, options: { ...options, steps: -1 } })).toBe('OPTION_INVALID')
    expect(await code({ ...job, mask: job.photo.slice(0, 400) })).toBe('INPUT_TRUNCATED')
    expect(await code({ kind: 'resume', run: 'nowhere', options: {} })).toBe('RUN_NOT_FOUND')
    expect(await code({ kind: 'resume', run: 'whole', options: { steps: 6, lambdaSparsity: 3 } })).toBe(
      'CHECKPOINT_MISMATCH',
    )
    expect(await code({ ...job, options: { ...options, guidance: ['ViT-B/32'] } })).toBe('GUIDANCE_NOT_FOUND')
    const both = await tab.evaluate(() =>
      Promise.all([page.runJob({ kind: 'render', run: 'whole' }), page.runJob({ kind: 'render', run: 'whole' })]),
    )
    expect(both.filter((answer) => 'code' in answer && answer.code === 'RUN_LOCKED').length).toBe(1)
    expect(
      both.filter((answer) => 'result' in answer && 'finished' in answer.result && answer.result.finished).length,
    ).toBe(1)
  }, 300_000)
})
