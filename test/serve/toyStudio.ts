import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GivenOptions } from '../../src/options/imageOptions.js'
import { sortJob } from '../../src/run/processJob.js'
import { runImageJob } from '../../src/run/runImageJob.js'
import { runVideoJob } from '../../src/run/video/runVideoJob.js'
import { interruptedBy } from '../../src/session/interrupted.js'
import type { QueueView } from '../../src/queue/queueView.js'
import { startStudio, type Studio } from '../../src/serve/startStudio.js'
import { toyPhoto } from '../support/toyPhoto.js'
import { toyTrainer } from '../run/toyTrainer.mjs'
import { toyVideoTrainer } from '../run/toyVideo.mjs'

export const token = 'a-token-of-the-tests-0123456789'

/** What a run with the toy trainer is asked with: few steps, each with a preview. */
export const toyOptions: GivenOptions = {
  prompt: 'golden bowl',
  source: 'bowl',
  preset: 'reference',
  size: 192,
  steps: 4,
  seed: 3,
  device: 'cpu',
  previewEvery: 1,
}

/** The toy photo as a request has it. */
export const namedPhoto = async (name = 'bowl.png'): Promise<{ name: string; bytes: Uint8Array }> => ({
  name,
  bytes: new Uint8Array(await toyPhoto()),
})

export interface ToyStudio extends Studio {
  /** The folder of the runs. */
  readonly runs: string
  /** Of the HTTP interface. */
  readonly base: string
  readonly faults: unknown[]
}

const toyClips = (delay: number) => ({
  openTrainer: toyVideoTrainer({ delay }),
  checkTexts: () => Promise.resolve(),
})

/**
 * A server in this process over a folder of its own, with a trainer that needs no models.
 * @param page folder of the built page; default: one that shows nothing
 */
export async function startToyStudio({
  delay = 0,
  listen = '127.0.0.1',
  port = 0,
  runs,
  page: built,
  queue,
}: {
  delay?: number
  listen?: string
  port?: number
  runs?: string
  page?: string
  queue?: QueueView
} = {}): Promise<ToyStudio> {
  const home = mkdtempSync(join(tmpdir(), 'text2live-studio-'))
  const page = built ?? join(home, 'page')
  if (built === undefined) {
    mkdirSync(join(page, 'assets'), { recursive: true })
    writeFileSync(join(page, 'index.html'), '<!doctype html><title>studio</title>')
    writeFileSync(join(page, 'assets', 'index-1.js'), 'export {}')
  }
  writeFileSync(join(home, 'secret.txt'), 'not for you')
  const folder = runs ?? join(home, 'runs')
  const faults: unknown[] = []
  const onFault = (error: unknown): void => void faults.push(error)
  const studio = await startStudio({
    folder,
    listen,
    port,
    token,
    workers: {
      work: async (asked, signal, emit, control) => {
        const job = await sortJob(asked)
        if ('look' in job) throw new Error(`The studio asks for no job of kind ${job.look.kind}.`)
        return 'clip' in job
          ? await runVideoJob(job.clip, { ...toyClips(delay), signal: interruptedBy(signal), control }, emit)
          : await runImageJob(job.photo, { open: toyTrainer({ delay }), signal, control }, emit)
      },
    },
    page,
    queue,
    onFault,
  })
  return {
    ...studio,
    runs: folder,
    faults,
    base: `${studio.address}api/v1`,
    close: async () => {
      await studio.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Of an error; null else. */
  readonly code: string | null
}

/** A request with exactly these headers and this path, which `fetch` would mend. */
export async function ask(
  { port }: Pick<Studio, 'port'>,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string | Uint8Array } = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, code: codeIn(text) })
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

function codeIn(text: string): string | null {
  try {
    const value = JSON.parse(text) as { code?: string }
    return value.code ?? null
  } catch {
    return null
  }
}

export const bearer = { Authorization: `Bearer ${token}` }

/** Waits until `holds`, and fails where it does not within `seconds`. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, seconds = 20): Promise<void> {
  const end = Date.now() + 1000 * seconds
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it did not come to this within ${seconds} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
