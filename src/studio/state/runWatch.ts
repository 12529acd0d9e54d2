import { signal, type Signal } from '@preact/signals'
import type { RunEvent, StepEvent } from '../../session/events.js'

/** What a run is doing between its steps. */
export type Phase =
  | { readonly kind: 'model'; readonly name: string }
  | { readonly kind: 'compile'; readonly width: number; readonly height: number }
  | { readonly kind: 'writing' }

/** A run as it is seen while it works: gathered from its events, from when the page began to watch. */
export class RunWatch {
  readonly steps: Signal<readonly StepEvent[]> = signal([])
  readonly phase: Signal<Phase | null> = signal(null)
  readonly notes: Signal<readonly string[]> = signal([])
  /** Counts up with each new preview; `preview` is its bytes or its file's name. */
  readonly preview: Signal<{ readonly step: number; readonly png: Uint8Array | null } | null> = signal(null)
  /** Counts how often outputs were written. */
  readonly written = signal(0)

  take(event: RunEvent): void {
    switch (event.type) {
      case 'step':
        this.steps.value = [...this.steps.value.filter(({ step }) => step < event.step), event]
        this.phase.value = null
        return
      case 'resumed':
        this.steps.value = this.steps.value.filter(({ step }) => step <= event.step)
        return
      case 'run-start':
        this.phase.value = null
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
