import { expect, test } from 'vitest'
import { outputFiles } from '../../src/session/events.js'
import { runFiles } from '../../src/session/runFiles.js'

/** What a run told and left. */
export interface ToldRun {
  /** Types of its events, in order. */
  readonly events: readonly string[]
  readonly finished: boolean
  readonly step: number
}

/** Whatever makes, keeps and takes up runs of one photo. */
export interface LawfulHost {
  /** Begins a run with a preview every two steps. */
  start(name: string, how: { readonly steps: number; readonly stopAt?: number }): Promise<ToldRun>
  goOn(name: string, how?: { readonly steps: number }): Promise<ToldRun>
  render(name: string): Promise<ToldRun>
  /** A file of a run; null where there is none. */
  read(name: string, file: string): Promise<Uint8Array | null>
}

/** What holds for a run wherever it is and is kept: tests, to be called where they belong. */
export function runLaws(host: () => LawfulHost, timeout?: number): void {
  const steps = 4
  const told = async (name: string): Promise<string[]> =>
    new TextDecoder()
      .decode((await host().read(name, runFiles.events))!)
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type)
  /** The bytes of what a run computes. */
  const computed = async (name: string) => {
    const files: Record<string, string> = {}
    for (const file of [runFiles.checkpoint, ...Object.values(outputFiles)]) {
      const bytes = await host().read(name, file)
      expect(bytes?.length, `${name}: ${file}`).toBeGreaterThan(100)
      files[file] = Buffer.from(bytes!).toString('base64')
    }
    return files
  }

  test(
    'a run leaves all its files and a log of what it told; rendered again it leaves the same',
    async () => {
      const { events, finished, step } = await host().start('whole', { steps })
      expect({ finished, step }).toEqual({ finished: true, step: steps })
      expect(events.filter((type) => /^(run-start|step|preview|output|done)$/.test(type))).toEqual([
        'run-start',
        'step',
        'step',
        'preview',
        'step',
        'step',
        ...Array<string>(Object.keys(outputFiles).length).fill('output'),
        'done',
      ])
      expect(await told('whole')).toEqual(events)
      for (const file of [runFiles.config, 'previews/step-000002.png'])
        expect((await host().read('whole', file))?.length, file).toBeGreaterThan(10)
      expect(await host().read('whole', 'previews/step-000004.png')).toBeNull()
      const before = await computed('whole')
      const again = await host().render('whole')
      expect(again).toMatchObject({ finished: true, step: steps })
      expect(again.events.filter((type) => type === 'output').length).toBe(Object.keys(outputFiles).length)
      expect(await computed('whole')).toEqual(before)
    },
    timeout,
  )

  test(
    'stopped in the middle it goes on to the bits of one without a stop; finished, to more steps',
    async () => {
      await host().start('straight', { steps })
      const stopped = await host().start('stopped', { steps, stopAt: 2 })
      expect(stopped).toMatchObject({ finished: false, step: 2 })
      expect(stopped.events.at(-1)).toBe('interrupted')
      const resumed = await host().goOn('stopped')
      expect(resumed).toMatchObject({ finished: true, step: steps })
      expect(resumed.events).toContain('resumed')
      expect((await told('stopped')).filter((type) => type === 'step').length).toBe(steps)
      expect(await computed('stopped')).toEqual(await computed('straight'))
      expect((await host().goOn('stopped')).events).toEqual(['done'])
      // A run that is finished goes on to more steps, as if it had been asked for them at once.
      await host().start('more', { steps: 2 })
      expect(await host().goOn('more', { steps })).toMatchObject({ finished: true, step: steps })
      const [one, other] = [await computed('more'), await computed('straight')]
      for (const file of [outputFiles.composite, outputFiles.edit, outputFiles.layersPsd])
        expect(one[file] === other[file], file).toBe(true)
    },
    timeout,
  )
}
