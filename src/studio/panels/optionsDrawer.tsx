import { optionGroups, kebabCase, type OptionGroup, type OptionRow } from '../../options/optionRow.js'
import { Field } from '../parts/field.js'
import type { OptionValue } from '../state/draft.js'
import type { Studio } from '../state/studio.js'
import { text } from '../text/strings.js'

type AnyDraft = Studio['draft']

/** All options of the table, under its headings; what is not said is the preset's. */
export function OptionsDrawer({ draft }: { readonly draft: AnyDraft }) {
  const count = Object.keys(draft.said.value).length
  const groups = (Object.keys(optionGroups) as OptionGroup[])
    .map((group) => ({ group, names: draft.drawerNames.filter((name) => draft.rows[name]!.group === group) }))
    .filter(({ names }) => names.length > 0)
  return (
    <details
      class="drawer"
      // A browser says nothing of a value out of range that it cannot show.
      onInvalidCapture={({ currentTarget }) => (currentTarget.open = true)}
    >
      <summary>
        {text('allOptions')}
        {count > 0 && <span class="badge">{text('optionsChanged', { count })}</span>}
      </summary>
      {groups.map(({ group, names }) => (
        <fieldset key={group}>
          <legend>{optionGroups[group]}</legend>
          {names.map((name) => (
            <Option key={name} draft={draft} name={name} row={draft.rows[name]!} />
          ))}
        </fieldset>
      ))}
    </details>
  )
}

function Option({ draft, name, row }: { readonly draft: AnyDraft; readonly name: string; readonly row: OptionRow }) {
  const said = draft.said.value[name]
  const usual = text('defaultIs', { value: valueText(draft.defaultOf(name)) })
  const reset =
    said === undefined ? null : (
      <button type="button" class="quiet" title={text('optionReset')} onClick={() => draft.say(name, undefined)}>
        ×<span class="hidden"> {text('optionReset')}</span>
      </button>
    )
  return (
    <Field label={kebabCase(name).replaceAll('-', ' ')} help={`${row.help}; ${usual}`} extra={reset}>
      {(ids) => control(ids, row, said, usual, (value) => draft.say(name, value))}
    </Field>
  )
}

type Ids = { readonly id: string; readonly 'aria-describedby': string | undefined }

function control(
  ids: Ids,
  row: OptionRow,
  said: OptionValue | undefined,
  usual: string,
  say: (value: OptionValue | undefined) => void,
) {
  if (row.type === 'choice' || row.type === 'switch') {
    const choices = row.type === 'switch' ? { true: text('on'), false: text('off') } : row.choices
    return (
      <select
        {...ids}
        value={said === undefined ? '' : String(said)}
        onChange={({ currentTarget: { value } }) =>
          say(value === '' ? undefined : row.type === 'switch' ? value === 'true' : value)
        }
      >
        <option value="">{usual}</option>
        {Object.entries(choices).map(([choice, meaning]) => (
          <option key={choice} value={choice}>
            {row.type === 'switch' ? meaning : `${choice}: ${meaning}`}
          </option>
        ))}
      </select>
    )
  }
  if (row.type === 'number' || row.type === 'integer')
    return (
      <input
        {...ids}
        type="number"
        min={row.also === undefined ? row.min : Math.min(row.min, row.also.value)}
        max={row.max}
        step={row.type === 'integer' ? 1 : 'any'}
        value={said === undefined ? '' : Number(said)}
        onChange={({ currentTarget: { valueAsNumber } }) =>
          say(Number.isNaN(valueAsNumber) ? undefined : valueAsNumber)
        }
      />
    )
  return (
    <input
      {...ids}
      value={said === undefined ? '' : [said].flat().join(', ')}
      onChange={({ currentTarget: { value } }) => {
        const parts = value
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== '')
        say(parts.length === 0 ? undefined : row.type === 'texts' || row.type === 'paths' ? parts : value)
      }}
    />
  )
}

function valueText(value: OptionValue): string {
  if (typeof value === 'boolean') return text(value ? 'on' : 'off')
  const shown = value === null ? '' : [value].flat().join(', ')
  return shown === '' ? text('none') : shown
}
