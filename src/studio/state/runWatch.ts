import { signal, type Signal } from '@preact/signals'
import type { LayerName } from '../../atlas/layeredAtlas.js'
import type { StepEvent } from '../../session/events.js'
import type { AnyRunEvent } from '../../session/runHost.js'
import { isClipStage, type StageName } from '../../session/videoEvents.js'

/** What a run is doing between its steps. */
export type Phase =
  | { readonly kind: 'model'; readonly name: string }
  | { readonly kind: 'compile'; readonly width: number; readonly height: number }
  | { readonly kind: 'writing' }

/** How far a stage of a clip's run is. */
export interface StageProgress {
  readonly stage: StageName
  readonly layer: LayerName | null
  /** Of `total`: frames, pairs of frames or steps; of a stage that has just begun nothing is known. */
  readonly done: number
  readonly total: number | null
  readonly secondsLeft: number | null
}

/** A run as it is seen while it works: gathered from its events, from when the page began to watch. */
export class RunWatch {
  /** Of a clip those of the layer that is trained, or was last. */
  readonly steps: Signal<readonly StepEvent[]> = signal([])
  /** Of a clip: the stage that it is in, or was in when it ended. */
  readonly progress: Signal<StageProgress | null> = signal(null)
  readonly phase: Signal<Phase | null> = signal(null)
  readonly notes: Signal<readonly string[]> = signal([])
  /** Counts up with each new preview; `preview` is its bytes or its file's name. */
  readonly preview: Signal<{ readonly step: number; readonly png: Uint8Array | null } | null> = signal(null)
  /** The step since which another mask than at its beginning bounds it, or none; null where it has that one. */
  readonly mask: Signal<{ readonly step: number; readonly masked: boolean } | null> = signal(null)
  /** Counts how often outputs were written. */
  readonly written = signal(0)

  take(event: AnyRunEvent): void {
    switch (event.type) {
      case 'step':
        this.steps.value = [...this.steps.value.filter(({ step }) => step < event.step), event]
        this.phase.value = null
        if ('layer' in event) {
          const { layer, step, steps, secondsLeft } = event
          this.progress.value = { stage: 'training', layer, done: step, total: steps, secondsLeft }
        }
        return
      case 'resumed': {
        const reached = 'step' in event ? event.step : event.done
        this.steps.value = this.steps.value.filter(({ step }) => step <= reached)
        return
      }
      case 'stage-start': {
        const { stage, layer = null } = event
        this.phase.value = null
        if (!isClipStage(stage)) return
        this.progress.value = { stage, layer, done: 0, total: null, secondsLeft: null }
        return
      }
      case 'progress': {
        const { stage, done, total, secondsLeft } = event
        this.progress.value = { stage, layer: null, done, total, secondsLeft }
        return
      }
      case 'run-start':
        this.phase.value = null
        return
      case 'mask':
        this.mask.value = event
        return
      case 'model-loading':
        this.phase.value = { kind: 'model', name: event.guidance }
        return
      case 'compile':
        this.phase.value = { kind: 'compile', width: event.width, height: event.height }
        return
      case 'note':
      case 'warning':
        if (!this.notes.value.includes(event.message)) this.notes.value = [...this.notes.value, event.message]
        return
      case 'preview':
        // A log keeps no bytes: there the file is read.
        this.preview.value = { step: event.step, png: 'png' in event ? event.png : null }
        return
      case 'output':
        this.phase.value = { kind: 'writing' }
        return
      case 'done':
      case 'interrupted':
        this.phase.value = null
        this.written.value++
        return
      default:
        return
    }
  }
}
