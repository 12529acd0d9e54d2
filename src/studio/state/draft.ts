import { computed, signal } from '@preact/signals'
import { imageOptions, type GivenOptions } from '../../options/imageOptions.js'
import { presets, type PresetName } from '../../options/presets.js'
import type { OptionRow } from '../../options/optionRow.js'
import { videoOptions, type GivenVideoOptions } from '../../options/videoOptions.js'
import { videoPresets } from '../../options/videoPresets.js'
import type { RunEntry } from '../../session/runHost.js'

/** The texts of an edit, a wording on each line. */
export const wordNames = ['prompt', 'source', 'region', 'screen'] as const
export type WordName = (typeof wordNames)[number]

/** Options that have a place of their own on the page, or none there. */
const elsewhere: ReadonlySet<string> = new Set([...wordNames, 'photo', 'mask', 'preset', 'seed', 'over', 'point'])

/** A value of an option. */
export type OptionValue = string | number | boolean | readonly string[] | null

type Values = Readonly<Record<string, OptionValue | null | undefined>>

/** The options of an edit, and what its presets choose. */
interface DraftTable {
  readonly rows: Readonly<Record<string, OptionRow>>
  readonly presets: Readonly<Record<PresetName, Values>>
}

/** Options that photos and clips have. */
type Given = GivenOptions | GivenVideoOptions

/** The edit that is being described: words and options. What was not said is absent, and the preset's. */
class Draft<Options extends Given = Given> {
  /** The rows of the option table, by name. */
  readonly rows: DraftTable['rows']
  /** The options of the drawer, in the order of the table. */
  readonly drawerNames: readonly string[]
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
  readonly #presets: DraftTable['presets']

  constructor(table: DraftTable) {
    this.rows = table.rows
    this.#presets = table.presets
    this.drawerNames = Object.entries(table.rows).flatMap(([name, row]) =>
      elsewhere.has(name) || row.command === true || row.type === 'path' ? [] : [name],
    )
  }

  /** Everything that was said, as the option table takes it. */
  readonly options = computed((): Options => {
    const seed = this.seed.value.trim()
    const given = {
      preset: this.preset.value,
      ...Object.fromEntries(wordNames.map((name) => [name, lines(this.words[name].value ?? '')])),
      ...(seed === '' ? {} : { seed: Number(seed) }),
      ...this.said.value,
    }
    // The names are the table's, and the table checks the values.
    return given as Options
  })

  say(name: string, value: OptionValue | undefined): void {
    const { [name]: _, ...rest } = this.said.value
    this.said.value = value === undefined ? rest : { ...rest, [name]: value }
  }

  /**
   * What an option is when nobody says anything: the preset's value, that of the option that it follows, or the
   * table's.
   * @param said of the other options
   */
  defaultOf(name: string, said: Values = this.said.value): OptionValue {
    const { sameAs, default: usual } = this.rows[name]!
    const preset = this.#presets[this.preset.value][name]
    return preset ?? (sameAs === undefined ? usual : (said[sameAs] ?? this.defaultOf(sameAs, said)))
  }

  /** Takes the settings of a run: says what its preset does not. */
  recall(settings: RunEntry['settings']): void {
    this.preset.value = settings.preset
    for (const name of wordNames) this.words[name].value = settings[name].join('\n')
    if (same(settings.screen, settings.prompt)) this.words.screen.value = ''
    if (same(settings.source, this.rows['source']!.default)) this.words.source.value = ''
    this.seed.value = String(settings.seed)
    this.variations.value = 1
    const values = settings as unknown as Values
    this.#sayAll((name) => {
      const value = values[name]
      // The device was chosen where the run was made; here it is chosen anew.
      return name === 'device' || same(value, this.defaultOf(name, values)) ? null : value
    })
  }

  /** Takes what `options` gave. */
  restore({ preset, seed, ...given }: Options, variations = 1): void {
    this.variations.value = variations
    this.preset.value = preset ?? 'fast'
    this.seed.value = seed === undefined || seed === null ? '' : String(seed)
    const values = given as Values
    for (const name of wordNames) this.words[name].value = [values[name] ?? []].flat().join('\n')
    this.#sayAll((name) => values[name])
  }

  clear(): void {
    for (const name of wordNames) this.words[name].value = ''
    this.seed.value = ''
    this.variations.value = 1
    this.said.value = {}
  }

  #sayAll(valueOf: (name: string) => OptionValue | null | undefined): void {
    this.said.value = Object.fromEntries(
      this.drawerNames.flatMap((name): [string, OptionValue][] => {
        const value = valueOf(name)
        return value === undefined || value === null ? [] : [[name, value]]
      }),
    )
  }
}

export type PhotoDraft = Draft<GivenOptions>
export type ClipDraft = Draft<GivenVideoOptions>

export const photoDraft = (): PhotoDraft => new Draft({ rows: imageOptions, presets })
export const clipDraft = (): ClipDraft => new Draft({ rows: videoOptions, presets: videoPresets })

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** The lines of a text that say something; null, that is not set, where none does. */
function lines(all: string): readonly string[] | null {
  const said = all
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return said.length === 0 ? null : said
}
