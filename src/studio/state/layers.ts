import { computed, signal } from '@preact/signals'
import type { RunEntry } from '../../session/runHost.js'

/** One edit of a stack. Its runs are variations and repetitions of one description; one of them is shown. */
export interface EditLayer {
  readonly id: string
  readonly runs: readonly string[]
  /** One of `runs`. */
  readonly chosen: string
  readonly visible: boolean
  /** [0, 1] */
  readonly opacity: number
}

/** Has a run pictures of the state that it is in? */
export const isWritten = ({ state, step }: RunEntry): boolean =>
  state === 'finished' || (state === 'stopped' && step > 0)

/** The edits over a photo, bottom to top. */
export class Layers {
  readonly list = signal<readonly EditLayer[]>([])
  readonly selectedId = signal<string | null>(null)
  readonly selected = computed(() => this.list.value.find(({ id }) => id === this.selectedId.value) ?? null)

  /** Puts a new edit on top and selects it. */
  add(runs: readonly string[]): void {
    const layer = { id: runs[0]!, runs, chosen: runs[0]!, visible: true, opacity: 1 }
    this.list.value = [...this.list.value, layer]
    this.selectedId.value = layer.id
  }

  /** Further runs of an edit; the first of them is shown. */
  addRuns(id: string, runs: readonly string[]): void {
    this.change(id, (layer) => ({ ...layer, runs: [...layer.runs, ...runs], chosen: runs[0]! }))
    this.selectedId.value = id
  }

  change(id: string, change: (layer: EditLayer) => EditLayer): void {
    this.list.value = this.list.value.map((layer) => (layer.id === id ? change(layer) : layer))
  }

  /** @param by 1: up, over the next; -1: down */
  move(id: string, by: 1 | -1): void {
    const list = [...this.list.value]
    const at = list.findIndex((layer) => layer.id === id)
    const to = at + by
    if (at < 0 || to < 0 || to >= list.length) return
    ;[list[at], list[to]] = [list[to]!, list[at]!]
    this.list.value = list
  }

  /** Takes an edit off the stack; its runs stay in the list of runs. */
  remove(id: string): void {
    this.list.value = this.list.value.filter((layer) => layer.id !== id)
    if (this.selectedId.value === id) this.selectedId.value = this.list.value.at(-1)?.id ?? null
  }

  /** Drops a run that was deleted. */
  forget(run: string): void {
    for (const layer of this.list.value) {
      if (!layer.runs.includes(run)) continue
      const runs = layer.runs.filter((one) => one !== run)
      if (runs.length === 0) this.remove(layer.id)
      else this.change(layer.id, (one) => ({ ...one, runs, chosen: one.chosen === run ? runs.at(-1)! : one.chosen }))
    }
  }

  /**
   * The runs that an edit is trained over, bottom to top: those below it that can be seen.
   * @param id of an edit that is made again; null for a new one on top
   */
  below(id: string | null): string[] {
    const at = id === null ? this.list.value.length : this.list.value.findIndex((layer) => layer.id === id)
    return this.list.value.slice(0, at).flatMap(({ visible, chosen }) => (visible ? [chosen] : []))
  }

  /** Does a layer stand on others than its run was trained over? */
  isMoved(layer: EditLayer, { over }: Pick<RunEntry, 'over'>): boolean {
    return JSON.stringify(this.below(layer.id)) !== JSON.stringify(over)
  }
}
