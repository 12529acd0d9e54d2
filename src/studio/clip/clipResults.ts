import { effect, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { RunEntry, RunHost } from '../../session/runHost.js'
import { videoFiles, videoOutputFiles } from '../../session/video/videoFiles.js'
import type { Kept } from '../state/kept.js'
import type { RunWatch } from '../state/runWatch.js'
import { AtlasView } from './atlasView.js'
import { frameLayers } from './clipFiles.js'
import type { ClipPlace, OpenClip } from './openClip.js'

interface ResultsOf {
  readonly host: RunHost
  readonly kept: Kept
  readonly clip: ReadonlySignal<OpenClip | null>
  /** The run that is selected. */
  readonly run: ReadonlySignal<RunEntry | null>
  readonly watch: (run: string) => RunWatch
}

const noLayer = (): Promise<null> => Promise.resolve(null)

/** What the selected run has made of the clip that is open, and what of it is shown. */
export class ClipResults {
  /** The names of the files that the run has. */
  readonly files: Signal<ReadonlySet<string>> = signal(new Set())
  readonly #of: ResultsOf

  constructor(of: ResultsOf) {
    this.#of = of
    effect(() => this.#showLayers())
    effect(() => void this.#listFiles())
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

  /** Gives the clip the edit layers of the run, once they are written. */
  #showLayers(): void {
    const [clip, run] = [this.#of.clip.value, this.#of.run.value]
    if (clip === null) return
    const folder = `${clip.place.value === 'painted' ? `${videoFiles.painted}/` : ''}${videoOutputFiles.editLayerFrames}`
    const of = run === null ? null : `${run.name} ${folder} `
    const isWritten = run?.kind === 'clip' && (run.state === 'finished' || (run.state === 'stopped' && run.step > 0))
    const shown = isWritten ? `${of}${this.#of.watch(run.name).written.value}` : null
    // While a run that was finished works again, what it had stays.
    const isKept = !isWritten && of !== null && clip.shownLayers?.startsWith(of) === true
    if (shown === clip.shownLayers || isKept) return
    clip.shownLayers = shown
    clip.layerOf.value = isWritten ? frameLayers(this.#of.host, run.name, folder) : noLayer
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
