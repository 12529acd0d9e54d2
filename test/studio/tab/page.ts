import type { GivenOptions } from '../../../src/options/imageOptions.js'
import type { HostUpdate, RunEntry, RunRequest } from '../../../src/session/runHost.js'
import { Text2LiveError } from '../../../src/errors.js'
import { registerShell } from '../../../src/studio/hosts/registerShell.js'
import { TabHost } from '../../../src/studio/hosts/tabHost.js'

/** An answer of the host, or the code that it refused with. */
export type Answer<T> = { readonly done: T } | { readonly code: string; readonly message: string }

/** What the test asks of the page: the host, with bytes as base64. */
export interface StudioPage {
  readonly isolated: boolean
  /** Resolves when the page opens without a network. */
  readonly kept: Promise<void>
  machine(): Promise<{ device: string | null; threads: number; guidance: readonly string[]; free: number | null }>
  models(): Promise<{ state: string; here: number; total: number }>
  /** @returns the bytes that were told, in order */
  fetchModels(stopAt?: number): Promise<Answer<number[]>>
  submit(options: GivenOptions, photo: string, name: string): Promise<Answer<string>>
  ask(run: string, request: RunRequest): Promise<Answer<null>>
  runs(): readonly RunEntry[]
  /** Types of the events of a run that this page heard; of notes the words. */
  events(run: string): string[]
  /** Steps of a run that this page heard. */
  steps(run: string): number[]
  /** Bytes of the previews of a run that this page heard. */
  previews(run: string): number[]
  file(run: string, name: string): Promise<string | null>
  zip(run: string): Promise<string>
  bring(zip: string, name: string): Promise<Answer<string>>
  locate(
    options: GivenOptions,
    photo: string,
  ): Promise<Answer<{ map: string; share: number; notes: readonly string[] }>>
}

declare global {
  var studio: StudioPage
}

const host = new TabHost()
const updates: HostUpdate[] = []
host.watch((update) => updates.push(update))
const shell = registerShell()

async function toBase64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer())
  let text = ''
  for (let at = 0; at < bytes.length; at += 1 << 15) text += String.fromCharCode(...bytes.subarray(at, at + (1 << 15)))
  return btoa(text)
}
const fromBase64 = (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

async function answer<T>(asked: Promise<T>): Promise<Answer<T>> {
  try {
    return { done: await asked }
  } catch (error) {
    if (error instanceof Text2LiveError) return { code: error.code, message: error.message }
    throw error
  }
}

const eventsOf = (run: string) =>
  updates.flatMap((update) => (update.type === 'event' && update.run === run ? [update.event] : []))

globalThis.studio = {
  isolated: crossOriginIsolated,
  kept: shell?.kept ?? Promise.reject(new Error('this page cannot be kept')),
  machine: () => host.machine(),
  models: () => host.models(),
  fetchModels(stopAt = Infinity) {
    const [told, stop] = [new Array<number>(), new AbortController()]
    const progress = (here: number): void => {
      told.push(here)
      if (here >= stopAt) stop.abort()
    }
    return answer(host.fetchModels(progress, stop.signal).then(() => told))
  },
  submit: (options, photo, name) =>
    answer(host.submit({ kind: 'photo', options, photo: { name, bytes: fromBase64(photo) }, mask: null, over: [] })),
  ask: (run, request) => answer(host.ask(run, request).then(() => null)),
  runs: () => updates.findLast((update) => update.type === 'runs')?.runs ?? [],
  events: (run) => eventsOf(run).map((event) => (event.type === 'note' ? event.message : event.type)),
  steps: (run) => eventsOf(run).flatMap((event) => (event.type === 'step' ? [event.step] : [])),
  previews: (run) => eventsOf(run).flatMap((event) => (event.type === 'preview' ? [event.png.length] : [])),
  async file(run, name) {
    const blob = await host.file(run, name)
    return blob === null ? null : await toBase64(blob)
  },
  zip: async (run) => await toBase64(await host.zip(run)),
  bring: (zip, name) => answer(host.bring(new File([fromBase64(zip)], name))),
  locate: (options, photo) =>
    answer(
      host
        .locate(
          { options, photo: { name: 'photo.png', bytes: fromBase64(photo) }, over: [] },
          new AbortController().signal,
        )
        .then(async ({ map, ...rest }) => ({
          map: await toBase64(new Blob([map as Uint8Array<ArrayBuffer>])),
          ...rest,
        })),
    ),
}
