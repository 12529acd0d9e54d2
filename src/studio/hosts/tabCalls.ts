import type { LayerName } from '../../atlas/layeredAtlas.js'
import type { HostUpdate, LocatedMap, LocateQuestion, NamedFile, NewRun, RunRequest } from '../../session/runHost.js'
import type { Engines } from './engines.js'
import type { CallMessage } from './calls.js'

/** What the tab that leads is asked by any tab. */
export type QueueCalls = {
  readonly submit: { readonly argument: NewRun; readonly answer: string }
  readonly ask: { readonly argument: { readonly run: string; readonly request: RunRequest }; readonly answer: null }
  readonly setMask: {
    readonly argument: { readonly run: string; readonly mask: NamedFile | null }
    readonly answer: null
  }
  readonly bring: { readonly argument: { readonly zip: Blob; readonly name: string }; readonly answer: string }
  readonly paint: {
    readonly argument: { readonly run: string; readonly layer: LayerName; readonly picture: Uint8Array }
    readonly answer: null
  }
  /** All runs, as an update. */
  readonly runs: { readonly argument: null; readonly answer: HostUpdate }
  readonly machine: {
    readonly argument: null
    readonly answer: { readonly device: Engines['tried']; readonly threads: number }
  }
}

/** What a page asks of its own worker, which passes on what is for the tab that leads. */
export type TabCalls = QueueCalls & {
  readonly files: { readonly argument: { readonly run: string }; readonly answer: readonly string[] }
  readonly file: { readonly argument: { readonly run: string; readonly name: string }; readonly answer: Blob | null }
  readonly zip: { readonly argument: { readonly run: string }; readonly answer: Blob }
  readonly locate: { readonly argument: LocateQuestion; readonly answer: LocatedMap }
}

/** From the page to its worker. */
export type TabRequest = { readonly site: string } | CallMessage

/** From the worker to its page. */
export type TabReply = { readonly update: HostUpdate } | CallMessage
