import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Text2LiveError } from '../../src/errors.js'
import { openQueue, ownVersion, type Queue } from '../../src/queue/openQueue.js'
import type { PerformJob } from '../../src/queue/performJob.js'
import { jobId, type JobPayload } from '../../src/queue/protocol.js'
import { QueueClient } from '../../src/queue/queueClient.js'
import { QueueView } from '../../src/queue/queueView.js'
import { openStore, type OpenedStore } from '../../src/queue/store/openStore.js'
import { runWorker } from '../../src/queue/worker.js'
import { missingRedis, RedisServer } from '../queue/redisServer.mjs'
import { performToy } from '../queue/toyJob.mjs'
import { ask, bearer, startToyStudio, token, type ToyStudio } from '../serve/toyStudio.js'
import { chromiumPath, openStudio, seriousFaults, type StudioPage } from './studioPage.js'

const built = fileURLToPath(new URL('../../dist/studio', import.meta.url))

describe.skipIf(!existsSync(chromiumPath) || missingRedis() !== null)('the queue in the served studio', () => {
  let home: string
  let server: RedisServer
  let store: OpenedStore
  let queue: Queue
  let client: QueueClient
  let view: QueueView
  let studio: ToyStudio
  let browser: Browser
  let page: StudioPage
  let working: Promise<void>
  const stop = new AbortController()
  const at = (...names: string[]): string => join(home, ...names)

  const jobOf = (out: string, more: Partial<JobPayload> = {}) => ({
    payload: {
      protocol: 1,
      version: ownVersion,
      store: store.id,
      kind: 'photo',
      out,
      options: { prompt: ['golden teapot'], toySteps: 400, toyDelay: 50, seed: 5 },
      inputs: {},
      needs: { device: 'any', guidance: ['starter'], memory: 2 },
      ...more,
    } satisfies JobPayload,
    priority: out === 'long' ? 2 : 1,
    delay: 0,
  })
  const perform: PerformJob = async (job, ...rest) => {
    const { out } = job.payload
    if (out === 'broken') throw new Text2LiveError('MASK_INVALID', 'There is nothing white in the mask.')
    if (out === 'long') return await performToy(job, ...rest)
    mkdirSync(job.folder)
    writeFileSync(join(job.folder, 'config.yaml'), 'configVersion: 1\n')
    writeFileSync(join(job.folder, 'secret.txt'), 'not for you')
    await sharp({ create: { width: 64, height: 48, channels: 3, background: 'gold' } })
      .png()
      .toFile(join(job.folder, 'composite.png'))
    return true
  }
  const entry = (name: string) => page.tab.locator('.run', { has: page.tab.getByText(name, { exact: true }) })

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'text2live-queue-page-'))
    mkdirSync(at('store'))
    server = await RedisServer.start()
    store = await openStore(at('store'))
    queue = await openQueue({ url: server.url, name: 'page', store: store.id })
    client = new QueueClient(queue, store.objects)
    const large: JobPayload['needs'] = { device: 'any', guidance: ['starter'], memory: 64 }
    await client.submit([jobOf('gold'), jobOf('broken'), jobOf('long'), jobOf('large', { needs: large })])
    const can = { device: 'cpu', guidance: ['starter'], memory: 8 } as const
    working = runWorker({ queue, store, can, scratch: at('scratch'), perform, onEvent: () => undefined }, stop.signal)
    view = await QueueView.open({ queue: server.url, queueName: 'page', store: at('store') })
    studio = await startToyStudio({ page: built, queue: view })
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
    page = await openStudio(browser, `${studio.address}?token=${token}`)
  }, 60_000)

  afterAll(async () => {
    await browser.close()
    await studio.close()
    await view.close()
    stop.abort()
    await working
    await client.close()
    queue.close()
    await server.remove()
    rmSync(home, { recursive: true, force: true })
    expect(studio.faults).toEqual([])
  })

  it('shows how each job stands, with what it made or failed by, on wide and narrow screens', async () => {
    await page.tab.getByText(`on ${hostname()}`).first().waitFor({ timeout: 20_000 })
    await entry('long')
      .getByText(/step \d+ of 400/)
      .waitFor()
    expect(await entry('long').getByRole('progressbar', { name: 'How far long is' }).getAttribute('max')).toBe('400')
    await entry('broken').getByText('There is nothing white in the mask. MASK_INVALID').waitFor()
    await entry('gold').locator('img').waitFor()
    await page.tab.getByText('1 waiting').click()
    await entry('large').getByRole('button', { name: 'Cancel' }).waitFor()
    await entry('gold').getByText('Files').click()
    const { name, path } = await page.download('composite.png')
    expect(name).toBe('gold-composite.png')
    expect((await sharp(readFileSync(path)).metadata()).width).toBe(64)
    expect(await entry('gold').getByRole('button').allTextContents()).toEqual(['composite.png', 'config.yaml'])
    for (const [width, colorScheme] of [
      [1280, 'light'],
      [360, 'dark'],
    ] as const) {
      await page.tab.setViewportSize({ width, height: 800 })
      await page.tab.emulateMedia({ colorScheme })
      expect(await seriousFaults(page)).toEqual([])
      expect(await page.tab.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    }
  }, 60_000)

  it('cancels a job at work, which goes on where it was when it is tried again', async () => {
    await entry('long').getByRole('button', { name: 'Cancel' }).click()
    await entry('long').getByText('JOB_CANCELLED').waitFor({ timeout: 20_000 })
    const { payload } = jobOf('long')
    expect(await client.status({ payload })).toMatchObject({ state: 'failed', failure: { code: 'JOB_CANCELLED' } })
    const before = Number(/step (\d+) of/.exec(await entry('long').locator('small').innerText())![1])
    await entry('long').getByRole('button', { name: 'Try again' }).focus()
    await page.tab.keyboard.press('Enter')
    await entry('long').getByRole('button', { name: 'Cancel' }).waitFor({ timeout: 20_000 })
    const steps = async (): Promise<number> =>
      Number(/step (\d+) of/.exec(await entry('long').locator('small').innerText())?.[1] ?? 0)
    await expect.poll(steps, { timeout: 20_000 }).toBeGreaterThan(before)
    await entry('long').getByRole('button', { name: 'Cancel' }).click()
  }, 60_000)

  it('hands out nothing but files of runs, of jobs alone', async () => {
    const gold = jobId(jobOf('gold').payload)
    const api = async (path: string, more: object = {}) =>
      await ask(studio, `/api/v1/queue/jobs/${path}`, { headers: { ...bearer }, ...more })
    expect((await api(`${gold}/files/secret.txt`)).code).toBe('FILE_NOT_FOUND')
    expect((await api(`${gold}/files/..%2f..%2ftext2live-store.json`)).code).toBe('FILE_NOT_FOUND')
    expect((await api('..%2f..%2finputs/files')).code).toBe('RUN_NOT_FOUND')
    const body = JSON.stringify({ do: 'cancel' })
    expect((await api(`${'0'.repeat(32)}/requests`, { method: 'POST', body })).code).toBe('RUN_NOT_FOUND')
    expect((await api(`${gold}/requests`, { method: 'POST', body: '{"do":"delete"}' })).code).toBe('REQUEST_INVALID')
    expect((await ask(studio, '/api/v1/queue')).status).toBe(401)
  })
})
