import { basename } from 'node:path'
import { lossesSvg } from '../../media/lossesSvg.js'
import { printable } from '../../printable.js'
import type { StepEvent } from '../../session/events.js'
import type { JobState } from '../jobStanding.js'
import type { StandingJob } from '../standingJobs.js'
import type { BeforeAfter } from './thumbnails.js'

/** What is shown first. */
const sections: readonly (readonly [JobState, string])[] = [
  ['failed', 'Failed'],
  ['running', 'At work'],
  ['stopped', 'Stopped, to go on'],
  ['finished', 'Finished'],
  ['waiting', 'Waiting'],
]

/** Steps of a chart: more are not told apart at its size. */
const chartSteps = 80

/** A job as the report shows it. */
export interface Card {
  readonly state: JobState
  readonly html: string
}

/**
 * The card of one job. All text in it comes from people and files, and is escaped.
 * @param steps those of its log, in order
 */
export function cardOf({ job, standing }: StandingJob, pictures: BeforeAfter, steps: readonly StepEvent[]): Card {
  const prompt = [job.options['prompt'] ?? []].flat().join(', ')
  const settings = Object.entries({ input: job.input, ...job.options }).map(
    ([name, value]) => `<dt>${text(name)}</dt><dd>${text([value].flat().join(', '))}</dd>`,
  )
  const error =
    standing.error === null
      ? ''
      : `<p class="error"><b>${text(standing.error.code)}</b> ${text(standing.error.message)}</p>`
  return {
    state: standing.state,
    html: `<article id="${text(`job-${job.id}`)}">
${figure(job.id, pictures)}
<h3>${text(job.id)}</h3>
<p class="prompt">${text(prompt)}</p>
<p class="state">${standing.state}${standing.step > 0 ? `, ${standing.step} steps` : ''} <span>${text(basename(job.input))}</span></p>
${error}
<details><summary>Settings</summary><dl>${settings.join('')}</dl></details>
${chart(job.id, steps)}
</article>`,
  }
}

function figure(id: string, { before, after }: BeforeAfter): string {
  const picture = (bytes: Uint8Array, what: string): string =>
    `<img class="${what}" alt="${text(`${id}, ${what}`)}" src="data:image/webp;base64,${Buffer.from(bytes).toString('base64')}">`
  if (before === null && after === null) return '<div class="none">no picture yet</div>'
  if (before === null || after === null)
    return `<figure>${picture((after ?? before)!, after === null ? 'before' : 'after')}</figure>`
  return `<figure class="pair" tabindex="0" aria-label="${text(`${id}: the edit; hover or focus shows what was before`)}">${picture(after, 'after')}${picture(before, 'before')}</figure>`
}

function chart(id: string, steps: readonly StepEvent[]): string {
  if (steps.length === 0) return ''
  const every = Math.ceil(steps.length / chartSteps)
  const svg = lossesSvg(steps.filter((_, i) => i % every === 0))
  // As a picture, the styles of the chart stay its own.
  return `<details class="losses"><summary>Losses</summary><img class="chart" alt="${text(`losses of ${id}`)}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}"></details>`
}

/** The whole page: one file that needs nothing else, runs no script and loads nothing. */
export function* reportPieces(list: string, cards: Iterable<Card>): Generator<string> {
  const all = [...cards]
  const parts = sections
    .map(([state, title]) => ({ state, title, own: all.filter((card) => card.state === state) }))
    .filter(({ own }) => own.length > 0)
  const counts = parts.map(({ state, title, own }) => `<a href="#${state}">${own.length} ${title.toLowerCase()}</a>`)
  yield `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${text(basename(list))}</title>
<style>${style}</style>
<header><h1>${text(basename(list))}</h1><p>${counts.join(' · ')}</p>
<p class="hint">Hover a picture, or move to it with the Tab key, to see what was before.</p></header>
<main>
`
  for (const { state, title, own } of parts) {
    yield `<section id="${state}"><h2>${title} <small>${own.length}</small></h2><div class="sheet">\n`
    for (const { html } of own) yield `${html}\n`
    yield '</div></section>\n'
  }
  yield '</main>\n</html>\n'
}

const style = `
:root { color-scheme: light dark; --line: #8884; --dim: light-dark(#555, #aaa); --bad: light-dark(#a40014, #ff8f8f) }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 90rem; padding: 1.5rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .75rem } h3 { font-size: 1rem; margin: .6rem 0 0; overflow-wrap: anywhere }
small, .hint, .state { color: var(--dim); font-weight: normal } p { margin: .2rem 0; overflow-wrap: anywhere }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.25rem; align-items: start }
article { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; min-width: 0 }
figure { margin: 0; position: relative; display: grid; place-items: center; background: #8882; border-radius: .25rem; min-height: 8rem }
figure img { grid-area: 1/1; max-width: 100%; height: auto; display: block }
.pair .before { opacity: 0 } .pair:hover .before, .pair:focus .before { opacity: 1 } .pair:hover .after, .pair:focus .after { opacity: 0 }
.pair::after { content: "after"; position: absolute; left: .4rem; bottom: .4rem; padding: 0 .4rem; border-radius: .25rem; background: #000a; color: #fff; font-size: .8rem }
.pair:hover::after, .pair:focus::after { content: "before" }
figure:focus-visible { outline: 3px solid light-dark(#0059b8, #7ab8ff); outline-offset: 2px }
.none { min-height: 8rem; display: grid; place-items: center; color: var(--dim); background: #8882; border-radius: .25rem }
.error { color: var(--bad) } .state span { float: right; max-width: 60%; overflow: hidden; text-overflow: ellipsis }
details { margin-top: .4rem } summary { cursor: pointer } dl { display: grid; grid-template-columns: auto 1fr; gap: 0 .75rem; margin: .3rem 0; overflow-wrap: anywhere }
article:has(.losses[open]) { grid-column: 1 / -1 } dt { color: var(--dim) } dd { margin: 0 } .chart { width: 100%; max-width: 900px; background: #fff }
`

/** Text of any origin as HTML text, also within an attribute in double quotes. */
const text = (value: string): string =>
  printable(value, 2000).replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`)
