import { isAbsolute, join } from 'node:path'
import { type ErrorCode, Text2LiveError } from '../../errors.js'
import { imageTable } from '../../options/imageTable.js'
import { nearestName } from '../../options/nearestName.js'
import { kebabCase } from '../../options/optionRow.js'
import { type OptionTable, rowOf } from '../../options/optionTable.js'
import { type OptionValue, parseRow } from '../../options/parseOption.js'
import { videoTable } from '../../options/videoTable.js'
import { pathHint } from '../../pathHint.js'
import { isRunFolder } from '../../run/runFolder.js'
import { isRunName, runStem } from '../../session/queue/runName.js'
import type { BatchJob } from '../batchJob.js'
import { jobSettings } from '../jobSettings.js'
import { entryAt, type Input, inputsAt } from './inputs.js'
import type { ListFault, ListRow, ListText, Place } from './listText.js'

type Kind = BatchJob['kind']
type Options = Readonly<Record<string, OptionValue>>

export const tables: Readonly<Record<Kind, OptionTable>> = { photo: imageTable, clip: videoTable }

/** What names the input: either kind, or one. */
export const inputNames = ['input', 'photo', 'clip'] as const
type InputName = (typeof inputNames)[number]

/** Options that steer a command, which no row can set. */
const ofCommand: ReadonlySet<string> = new Set(['force', 'json'])

/** Names that a row may have. */
export const columnNames: readonly string[] = [
  ...new Set([...inputNames, ...Object.values(tables).flatMap(({ rows }) => Object.keys(rows))]),
].filter((name) => !ofCommand.has(name))

/** In `out`, it stands for the input's file name without its ending. */
const namePlaceholder = '{name}'

/** What a list is checked with. */
interface Surroundings {
  /** What relative paths in the list are relative to: its folder. */
  readonly base: string
  /** Options that hold where the list says nothing, by kind; their paths are the caller's. */
  readonly given: Readonly<Record<Kind, Options>>
}

/**
 * All jobs of a list, and all that is wrong in it: names and values of options, rules between them, inputs that are not
 * there, folders that two jobs would share. Nothing but the first bytes of the inputs is read.
 */
export async function checkList(
  text: ListText,
  around: Surroundings,
): Promise<{ readonly jobs: readonly BatchJob[]; readonly faults: readonly ListFault[] }> {
  const check = new ListCheck(around)
  check.faults.push(...text.faults)
  for (const { name, place } of text.columns ?? []) check.column(name, place)
  if (text.defaults !== null) check.defaults(text.defaults)
  for (const row of text.rows) await check.row(row)
  if (text.rows.length === 0 && check.faults.length === 0)
    check.fault('LIST_INVALID', 'Expected at least one job, but the list is empty. Write a row for each edit.', {
      line: 1,
      column: 1,
    })
  return { jobs: check.jobs, faults: check.faults.sort((a, b) => a.line - b.line || a.column - b.column) }
}

interface Said {
  readonly options: Options
  readonly place: Place
}

class ListCheck {
  readonly jobs: BatchJob[] = []
  readonly faults: ListFault[] = []
  readonly #around: Surroundings
  readonly #unknown = new Set<string>()
  /** Where each folder was named first, by its name as file systems compare it. */
  readonly #taken = new Map<string, Place>()
  #defaults: Record<Kind, Record<string, OptionValue>> = { photo: {}, clip: {} }
  #defaultInput: NamedInput | null = null
  #defaultOut: string | null = null

  constructor(around: Surroundings) {
    this.#around = around
  }

  fault(code: ErrorCode, message: string, { line, column }: Place): void {
    this.faults.push({ code, message, line, column })
  }

  /** What stands above a column of a table. */
  column(name: string, place: Place): void {
    if (name !== '') this.#known(name, place)
    else
      this.fault(
        'LIST_INVALID',
        'Expected the name of an option above each column, but this field is empty. Name the column, or remove it.',
        place,
      )
  }

  defaults(row: ListRow): void {
    for (const [written, { value, place }] of row.cells) {
      const name = this.#known(written, place)
      if (name === null) continue
      if (isInputName(name)) this.#defaultInput = this.#inputOf(name, value, place)
      else if (name === 'out') this.#defaultOut = this.#valueOf('photo', name, value, place) as string | null
      else
        for (const kind of ['photo', 'clip'] as const) {
          if (!Object.hasOwn(tables[kind].rows, name)) continue
          const valid = this.#valueOf(kind, name, value, place)
          if (valid !== null) this.#defaults[kind][name] = valid
          // The same value is as wrong for the other kind.
          else break
        }
    }
  }

  async row(row: ListRow): Promise<void> {
    const before = this.faults.length
    const named = this.#namedInput(row)
    const inputs = named === null ? [] : this.#inputsOf(named)
    const said = new Map<Kind, Said>()
    for (const kind of new Set(inputs.map((input) => input.kind))) said.set(kind, this.#optionsOf(kind, row))
    // Without an input nobody knows which table holds; what is in no table, or wrong in both, is told all the same.
    if (inputs.length === 0) this.#optionsOf(named?.kind ?? 'photo', row, named?.kind ?? null)
    if (this.faults.length > before) return
    for (const [kind, { options, place }] of said) await this.#assertTogether(kind, options, place)
    if (this.faults.length > before) return
    const out = row.cells.get('out')
    for (const input of inputs)
      this.#addJob(
        input,
        said.get(input.kind)!.options,
        (out?.value ?? this.#defaultOut) as string | null,
        out?.place ?? row.place,
        row,
      )
  }

  #addJob({ path, kind }: Input, options: Options, pattern: string | null, place: Place, row: ListRow): void {
    const out = (pattern ?? namePlaceholder).replaceAll(namePlaceholder, runStem(path))
    if (!isRunName(out)) {
      this.fault(
        'OPTION_INVALID',
        `Expected "out" to be the name of a folder, without parts of a path; got ${JSON.stringify(out)}. The folders of all jobs lie in that of the batch; ${namePlaceholder} in it stands for the input's name.`,
        place,
      )
      return
    }
    // Some file systems tell neither case nor forms of accents apart.
    const key = out.normalize('NFC').toLowerCase()
    const first = this.#taken.get(key)
    if (first !== undefined) {
      this.fault(
        'OUTPUT_EXISTS',
        `"${path}" would be written to the folder "${out}", as the job of line ${first.line} is. Give each an "out" of its own.`,
        place,
      )
      return
    }
    this.#taken.set(key, place)
    this.jobs.push({ id: out, kind, input: path, options, out, line: row.place.line })
  }

  /** What the option is called in the tables; null, and a fault, where there is none. */
  #known(written: string, place: Place): string | null {
    const name = columnNames.find((own) => own === written || kebabCase(own) === written.replaceAll('_', '-'))
    if (name !== undefined) return name
    if (this.#unknown.has(written)) return null
    this.#unknown.add(written)
    const known = ofCommand.has(written)
    this.fault(
      'CONFIG_UNKNOWN_KEY',
      known
        ? `"${written}" is no option of a job. Remove it.`
        : `There is no option "${written}". The nearest is "${nearestName(written.slice(0, 100), columnNames)}". Correct the name or remove it; docs/options.md lists all.`,
      place,
    )
    return null
  }

  /** A valid value of an option, its paths as seen from here; null, and a fault, for another. */
  #valueOf(kind: Kind, name: string, value: unknown, place: Place): OptionValue | null {
    const option = rowOf(tables[kind], name)
    try {
      const valid = parseRow(option, option.type === 'switch' ? switchOf(value) : value, name)
      // The values of `guidance` and `atlas` may be names of models, or paths.
      const isPath = option.type === 'path' || option.type === 'paths' || name === 'atlas'
      if (!isPath || name === 'out') return valid
      const mayBeName = name === 'guidance' || name === 'atlas'
      const found = [valid].flat().map((path) => this.#found(String(path), mayBeName))
      if (!mayBeName) for (const path of found) assertThere(name, path)
      return Array.isArray(valid) ? found : found[0]!
    } catch (error) {
      this.#tell(error, place)
      return null
    }
  }

  #found(path: string, mayBeName: boolean): string {
    const beside = isAbsolute(path) ? path : join(this.#around.base, path)
    return mayBeName && entryAt(beside) === null ? path : beside
  }

  #namedInput(row: ListRow): NamedInput | null {
    const named = inputNames.filter((name) => row.cells.has(name))
    const [name, other] = named
    if (name === undefined) {
      if (this.#defaultInput === null)
        this.fault('INPUT_NOT_FOUND', 'Expected a photo or a clip, but the row names none. Set "input".', row.place)
      return this.#defaultInput
    }
    const { value, place } = row.cells.get(name)!
    if (other === undefined) return this.#inputOf(name, value, place)
    this.fault(
      'OPTION_INVALID',
      `Expected one input, but "${name}" and "${other}" name two. Leave one of them out.`,
      row.cells.get(other)!.place,
    )
    return null
  }

  #inputOf(name: InputName, value: unknown, place: Place): NamedInput | null {
    if (typeof value === 'string' && value !== '') return { path: value, kind: name === 'input' ? null : name, place }
    this.fault(
      'OPTION_INVALID',
      `Expected "${name}" to be one path, folder or pattern. Write a row for each input.`,
      place,
    )
    return null
  }

  #inputsOf({ path, kind, place }: NamedInput): Input[] {
    try {
      return inputsAt(path, this.#around.base, kind)
    } catch (error) {
      this.#tell(error, place)
      return []
    }
  }

  /** @param certain the kind where it is known: an option that it does not have is a fault */
  #optionsOf(kind: Kind, row: ListRow, certain: Kind | null = kind): Said {
    const own: Record<string, OptionValue> = {}
    for (const [written, { value, place }] of row.cells) {
      const name = this.#known(written, place)
      if (name === null || isInputName(name)) continue
      const has = Object.hasOwn(tables[kind].rows, name)
      if (!has && certain !== null)
        this.fault(
          'CONFIG_UNKNOWN_KEY',
          `"${name}" is an option for ${kind === 'photo' ? 'clips' : 'photos'}, and the input is a ${kind}. Leave it out.`,
          place,
        )
      const valid = this.#valueOf(has ? kind : other(kind), name, value, place)
      if (valid !== null && has && name !== 'out') own[name] = valid
    }
    return { options: { ...this.#defaults[kind], ...this.#around.given[kind], ...own }, place: row.place }
  }

  async #assertTogether(kind: Kind, options: Options, place: Place): Promise<void> {
    try {
      await jobSettings({ kind, options })
    } catch (error) {
      this.#tell(error, place)
    }
  }

  #tell(error: unknown, place: Place): void {
    if (!(error instanceof Text2LiveError)) throw error
    this.fault(error.code, error.message, place)
  }
}

interface NamedInput {
  readonly path: string
  readonly kind: Kind | null
  readonly place: Place
}

const isInputName = (name: string): name is InputName => (inputNames as readonly string[]).includes(name)
const other = (kind: Kind): Kind => (kind === 'photo' ? 'clip' : 'photo')

/** A table has texts only. */
function switchOf(value: unknown): unknown {
  const text = typeof value === 'string' ? value.trim().toLowerCase() : ''
  return text === 'true' ? true : text === 'false' ? false : value
}

/** @throws INPUT_NOT_FOUND, RUN_NOT_FOUND */
function assertThere(name: string, path: string): void {
  if (entryAt(path) === null)
    throw new Text2LiveError('INPUT_NOT_FOUND', `"${name}" names "${path}", but there is nothing. ${pathHint(path)}`)
  if (name === 'over' && !isRunFolder(path))
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `"over" names "${path}", which is no run folder. Give one that text2live wrote.`,
    )
}
