import { presets, type PresetName } from '../../options/presets.js'
import { Field } from '../parts/field.js'
import { Panel } from '../parts/panel.js'
import { wordNames, type WordName } from '../state/draft.js'
import type { Studio } from '../state/studio.js'
import { text } from '../text/strings.js'
import { OptionsDrawer } from './optionsDrawer.js'

/** What each is called, and what it means of a photo and of a clip. */
const wordTexts = {
  prompt: ['prompt', 'promptHelp', 'promptHelpClip'],
  source: ['source', 'sourceHelp', 'sourceHelpClip'],
  region: ['region', 'regionHelp', 'regionHelpClip'],
  screen: ['screen', 'screenHelp', 'screenHelp'],
} as const

/** The words of an edit, its preset and seeds, and the button that starts it. */
export function WordsPanel({ studio }: { readonly studio: Studio }) {
  const { draft } = studio
  const below = studio.unfinishedBelow.value
  const hindrance = studio.modelsMissing.value
    ? text('startNeedsModels')
    : below && text('startNeedsBelow', { title: below.title })
  const start = (): void => {
    if (draft.words.prompt.value?.trim() === '') {
      studio.problem.value = { code: 'PROMPT_EMPTY', message: text('promptMissing') }
      document.querySelector<HTMLElement>('[data-word=prompt]')?.focus()
      return
    }
    studio.problem.value = null
    void studio.attempt(() => studio.submit())
  }
  return (
    <Panel title={text('words')} class="words">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          start()
        }}
      >
        {wordNames.map((name) => (
          <Word key={name} studio={studio} name={name} />
        ))}
        <div class="row">
          <Field label={text('preset')}>
            {(ids) => (
              <select
                {...ids}
                value={draft.preset.value}
                onChange={(event) => (draft.preset.value = event.currentTarget.value as PresetName)}
              >
                {Object.keys(presets).map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label={text('variations')}>
            {(ids) => (
              <input
                {...ids}
                type="number"
                min={1}
                max={9}
                value={draft.variations.value}
                title={text('variationsHelp')}
                onChange={(event) => {
                  const count = Math.round(event.currentTarget.valueAsNumber)
                  draft.variations.value = Math.min(9, Math.max(1, Number.isNaN(count) ? 1 : count))
                }}
              />
            )}
          </Field>
          <Field label={text('seed')}>
            {(ids) => (
              <input
                {...ids}
                inputMode="numeric"
                pattern="[0-9]*"
                value={draft.seed.value}
                title={text('seedHelp')}
                onInput={(event) => (draft.seed.value = event.currentTarget.value)}
              />
            )}
          </Field>
        </div>
        <OptionsDrawer draft={draft} />
        {hindrance !== null && (
          <p class="help" id="start-hindrance">
            {hindrance}
          </p>
        )}
        <button
          class="primary wide"
          type="submit"
          disabled={hindrance !== null}
          aria-busy={studio.submitting.value}
          aria-describedby={hindrance === null ? undefined : 'start-hindrance'}
        >
          {text(
            studio.editing.value !== null ? 'startAgain' : studio.layers.list.value.length > 0 ? 'startOver' : 'start',
          )}
        </button>
        {studio.editing.value !== null && (
          <button class="wide" type="button" onClick={() => (studio.editing.value = null)}>
            {text('cancel')}
          </button>
        )}
      </form>
    </Panel>
  )
}

/** One text: Enter starts, a further line is a further wording. */
function Word({ studio, name }: { readonly studio: Studio; readonly name: WordName }) {
  const word = studio.draft.words[name]
  const [label, ofPhoto, ofClip] = wordTexts[name]
  const help = studio.clip.value === null ? ofPhoto : ofClip
  return (
    <Field label={text(label)} help={text(help)} quiet>
      {(ids) => (
        <textarea
          {...ids}
          data-word={name}
          rows={Math.max(1, (word.value ?? '').split('\n').length)}
          value={word.value}
          spellcheck
          placeholder={text(help)}
          title={`${text(help)}. ${text('moreWordings')}`}
          onInput={(event) => {
            word.value = event.currentTarget.value
            // Where a region is, is shown as soon as it is said.
            if (name === 'region') studio.locateSoon()
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
            event.preventDefault()
            event.currentTarget.form?.requestSubmit()
          }}
        />
      )}
    </Field>
  )
}
