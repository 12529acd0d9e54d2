import { computed, signal } from '@preact/signals'
import { imageOptions, type GivenOptions, type ImageSettings } from '../../options/imageOptions.js'
import { presets, type PresetName } from '../../options/presets.js'
import type { OptionRow } from '../../options/optionRow.js'

/** The texts of an edit, a wording on each line. */
export const wordNames = ['prompt', 'source', 'region', 'screen'] as const
export type WordName = (typeof wordNames)[number]

/** Options that have a place of their own on the page, or none there. */
const elsewhere: ReadonlySet<string> = new Set([...wordNames, 'photo', 'mask', 'preset', 'seed', 'over'])

/** The rows of the option table, by name. */
export const optionRows: Readonly<Record<string, OptionRow>> = imageOptions

/** The options of the drawer, in the order of the table. */
export const drawerNames: readonly string[] = Object.entries(optionRows).flatMap(([name, row]) =>
  elsewhere.has(name) || row.command === true || row.type === 'path' ? [] : [name],
)

/** A value of an option. */
export type OptionValue = ImageSettings[keyof ImageSettings]

/** The edit that is being described: words and options. What was not said is absent, and the preset's. */
export class Draft {
  readonly words: Readonly<Record<WordName, ReturnType<typeof signal<string>>>> = {
    prompt: signal(''),
    source: signal(''),
    region: signal(''),
    screen: signal(''),
  }
  readonly preset = signal<PresetName>('fast')
  /** '' draws one. */
  readonly seed = signal('')
  readonly variations = signal(1)
  /** What was said of the drawer's options. */
  readonly said = signal<Readonly<Record<string, OptionValue>>>({})

  /** Everything that was said, as the option table takes it. */
  readonly options = computed((): GivenOptions => {
    const seed = this.seed.value.trim()
    return {
      preset: this.preset.value,
      ...Object.fromEntries(wordNames.map((name) => [name, lines(this.words[name].value ?? '')])),
      ...(seed === '' ? {} : { seed: Number(seed) }),
      ...this.said.value,
    }
  })

  say(name: string, value: OptionValue | undefined): void {
    const { [name]: _, ...rest } = this.said.value
    this.said.value = value === undefined ? rest : { ...rest, [name]: value }
  }

  /** What an option is when nobody says anything: the preset's value, or the table's. */
  defaultOf(name: string): OptionValue {
    const chosen: Readonly<Record<string, OptionValue>> = presets[this.preset.value]
    return chosen[name] ?? optionRows[name]!.default
  }

  /** Takes the settings of a run: says what its preset does not. */
  recall(settings: ImageSettings): void {
    this.preset.value = settings.preset
    for (const name of wordNames) this.words[name].value = settings[name].join('\n')
    if (same(settings.screen, settings.prompt)) this.words.screen.value = ''
    if (same(settings.source, imageOptions.source.default)) this.words.source.value = ''
    this.seed.value = String(settings.seed)
    this.variations.value = 1
    this.said.value = Object.fromEntries(
      drawerNames.flatMap((name): [string, OptionValue][] => {
        const value = settings[name as keyof ImageSettings]
        // The device was chosen where the run was made; here it is chosen anew.
        return name === 'device' || value === null || same(value, this.defaultOf(name)) ? [] : [[name, value]]
      }),
    )
  }

  /** Takes what `options` gave. */
  restore({ preset, seed, ...given }: GivenOptions): void {
    this.preset.value = preset ?? 'fast'
    this.seed.value = seed === undefined || seed === null ? '' : String(seed)
    for (const name of wordNames) this.words[name].value = [given[name] ?? []].flat().join('\n')
    this.said.value = Object.fromEntries(
      drawerNames.flatMap((name): [string, OptionValue][] => {
        const value = (given as Readonly<Record<string, OptionValue | null | undefined>>)[name]
        return value === undefined || value === null ? [] : [[name, value]]
      }),
    )
  }

  clear(): void {
    for (const name of wordNames) this.words[name].value = ''
    this.seed.value = ''
    this.variations.value = 1
    this.said.value = {}
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** The lines of a text that say something; null, that is not set, where none does. */
function lines(all: string): readonly string[] | null {
  const said = all
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return said.length === 0 ? null : said
}
