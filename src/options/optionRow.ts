/** The heading an option stands under in `--help` and in docs/options.md, in this order. */
export const optionGroups = {
  texts: 'Texts',
  photo: 'Photo and place',
  clip: 'Clip and object',
  run: 'Run',
  atlas: 'Layered atlas',
  output: 'Output',
  schedule: 'Optimizer and schedule',
  losses: 'Losses',
  bootstrap: 'Bootstrap and relevancy',
  examples: 'Internal examples',
  views: 'CLIP views',
} as const

export type OptionGroup = keyof typeof optionGroups

interface RowBase {
  /** One sentence without a full stop; lower-case, as it stands after the flag in `--help`. */
  readonly help: string
  readonly group: OptionGroup
  /** One-letter flag. */
  readonly short?: string
  /** A value as a person would type it. */
  readonly example: string
  /** A preset may set it. Texts, paths, seeds and devices are the person's own. */
  readonly preset: boolean
  /** When nobody sets it, it takes the value of this other option. */
  readonly sameAs?: string
  /** A resumed run may change it: it does not alter what the steps already done would have been. */
  readonly free?: true
  /** What a run was made with whose version had no such option: its config.yaml does not name it. */
  readonly before?: number | string
  /** Steers the command only; it is not written to the run's config.yaml. */
  readonly command?: true
  /** A path that is written to. */
  readonly written?: true
  /** Also taken as this positional argument (0-based). */
  readonly positional?: number
}

export interface NumberRow extends RowBase {
  readonly type: 'number' | 'integer'
  readonly min: number
  readonly max: number
  /** `min` itself is not allowed. */
  readonly exclusiveMin?: true
  /** One value outside the range that has a meaning of its own. */
  readonly also?: { readonly value: number; readonly meaning: string }
  readonly unit?: string
  readonly default: number | null
}

export interface ChoiceRow extends RowBase {
  readonly type: 'choice'
  readonly choices: Readonly<Record<string, string>>
  readonly default: string
}

export interface SwitchRow extends RowBase {
  readonly type: 'switch'
  readonly default: boolean
}

/** `text`: words. `path`: a file or folder, relative to the working folder. */
export interface TextRow extends RowBase {
  readonly type: 'text' | 'path'
  readonly default: string | null
}

/** A list of texts or paths; the flag is repeated. */
export interface ListRow extends RowBase {
  readonly type: 'texts' | 'paths'
  readonly default: readonly string[]
}

export type OptionRow = NumberRow | ChoiceRow | SwitchRow | TextRow | ListRow

type Plain<R> = R extends { type: 'number' | 'integer' }
  ? number
  : R extends { type: 'choice'; choices: infer C }
    ? keyof C & string
    : R extends { type: 'switch' }
      ? boolean
      : R extends { type: 'texts' | 'paths' }
        ? readonly string[]
        : string

/** The TypeScript type of the value a row stands for; null where the option may stay unset. */
export type RowValue<R> = R extends { default: null }
  ? R extends { sameAs: string }
    ? Plain<R>
    : Plain<R> | null
  : Plain<R>

/** The rows of one command, by option name. */
export type OptionRows = Readonly<Record<string, OptionRow>>

type CommandName<Rows> = { [K in keyof Rows]: Rows[K] extends { command: true } ? K : never }[keyof Rows]

/** Every setting of a run, resolved. */
export type SettingsOf<Rows> = { readonly [K in Exclude<keyof Rows, CommandName<Rows>>]: RowValue<Rows[K]> }

/** Any subset of the options; `null` or absent means "not set"; one text may stand for a list. */
export type GivenOf<Rows> = { readonly [K in keyof Rows]?: Given<RowValue<Rows[K]>> | null | undefined }

type Given<Value> = Value extends readonly string[] ? Value | string : Value

type PresetKey<Rows> = { [K in keyof Rows]: Rows[K] extends { preset: true } ? K : never }[keyof Rows]

/** The settings a preset may choose. */
export type PresetOf<Rows> = { readonly [K in PresetKey<Rows>]?: RowValue<Rows[K]> }

/** `learningRate` -> `learning-rate`. */
export const kebabCase = (name: string): string =>
  name.replace(/[A-Z0-9]+/g, (run, at: number) => (/^[A-Z]/.test(run) && at > 0 ? `-${run.toLowerCase()}` : run))
