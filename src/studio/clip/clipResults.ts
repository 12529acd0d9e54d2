import { effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals'
import type { RunEntry, RunHost } from '../../session/runHost.js'
import { videoFiles, videoOutputFiles } from '../../session/video/videoFiles.js'
import type { Kept } from '../state/kept.js'
import type { Layers } from '../state/layers.js'
import type { RunWatch } from '../state/runWatch.js'
import { AtlasView } from './atlasView.js'
import { frameLayers } from './clipFiles.js'
import type { ClipPlace, OpenClip } from './openClip.js'

interface ResultsOf {
  readonly host: RunHost
  readonly kept: Kept
  readonly clip: ReadonlySignal<OpenClip | null>
  readonly layers: Layers
  readonly runs: ReadonlySignal<readonly RunEntry[]>
  /** The run that is selected. */
  readonly run: ReadonlySignal<RunEntry | null>
  readonly watch: (run: string) => RunWatch
}

/** What the edits have made of the clip that is open, and what of it is shown. */
export class ClipResults {
  /** The names of the files that the selected run has. */
  readonly files: Signal<ReadonlySet<string>> = signal(new Set())
  readonly #of: ResultsOf
  /**
   * How often runs had written their outputs when they were last at rest: what a run had stays while it works again.
   */
  readonly #written = new Map<string, number>()

  constructor(of: ResultsOf) {
    this.#of = of
    effect(() => this.#showLayers())
    effect(() => void this.#listFiles())
    effect(() => {
      const [clip, run] = [of.clip.value, of.run.value]
      const shown = clip?.atlas.value ?? null
      if (clip !== null && shown !== null && shown.run !== run?.name) untracked(() => void this.show(clip, 'frames'))
    })
  }

  /** Shows something else of the clip. */
  async show(clip: OpenClip, place: ClipPlace): Promise<void> {
    const { host, kept, run } = this.#of
    const name = run.value?.name
    clip.place.value = place
    const layer = place === 'foreground' || place === 'background' ? place : null
    const known = clip.atlas.value
    if (layer !== null && known !== null && known.run === name && known.layer === layer) return
    const atlas =
      layer === null || name === undefined
        ? null
        : await AtlasView.open(host, name, layer, await kept.paint(name, layer))
    if (clip.place.value === place) clip.atlas.value = atlas
  }

  /** Maps what was painted on an atlas to the frames of the clip. */
  async paint(clip: OpenClip, atlas: AtlasView): Promise<void> {
    await this.#of.host.paint(atlas.run, atlas.layer, await atlas.file())
    await this.#of.kept.keepPaint(atlas.run, atlas.layer, null)
    await this.show(clip, 'painted')
  }

  /** Gives the clip the edit layers that can be seen, once they are written. */
  #showLayers(): void {
    const { host, clip: open, layers, runs, run: selected, watch } = this.#of
    const clip = open.value
    if (clip === null) return
    const shown = layers.list.value.flatMap(({ chosen, visible, opacity }) => {
      const run = runs.value.find(({ name }) => name === chosen)
      if (run?.kind !== 'clip') return []
      if (run.state === 'finished' || (run.state === 'stopped' && run.step > 0))
        this.#written.set(chosen, watch(chosen).written.value)
      const written = this.#written.get(chosen)
      const isPainted = clip.place.value === 'painted' && chosen === selected.value?.name
      const folder = `${isPainted ? `${videoFiles.painted}/` : ''}${videoOutputFiles.editLayerFrames}`
      return visible && written !== undefined
        ? [{ run: chosen, folder, opacity, written, frames: clip.used(run.settings) }]
        : []
    })
    const key = JSON.stringify(shown)
    if (key === clip.shownLayers) return
    clip.shownLayers = key
    clip.layersOf.value = frameLayers(host, shown)
  }

  async #listFiles(): Promise<void> {
    const { host, run: selected, watch } = this.#of
    const run = selected.value
    if (run?.kind !== 'clip') {
      this.files.value = new Set()
      return
    }
    const written = watch(run.name).written.value
    const files = await host.files(run.name).catch(() => [])
    if (selected.peek()?.name === run.name && watch(run.name).written.peek() === written)
      this.files.value = new Set(files)
  }
}
