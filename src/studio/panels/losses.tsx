import { useEffect, useRef, useState } from 'preact/hooks'
import type UPlot from 'uplot'
import type { AlignedData } from 'uplot'
import type { StepEvent } from '../../session/events.js'
import type { RunWatch } from '../state/runWatch.js'
import { number, text } from '../text/strings.js'

/** Rows of the table: so many steps are shown of a long run. */
const tableRows = 60

/** The losses as curves, and as a table for who cannot see them. */
export function Losses({ watch }: { readonly watch: RunWatch }) {
  const steps = watch.steps.value
  return (
    <details class="losses">
      <summary>{text('losses')}</summary>
      {steps.length === 0 ? (
        <p class="help">{text('lossesNone')}</p>
      ) : (
        <>
          <Curves steps={steps} />
          <details>
            <summary>{text('lossesTable')}</summary>
            <Table steps={steps} />
          </details>
        </>
      )}
    </details>
  )
}

const namesOf = (steps: readonly StepEvent[]): string[] => [
  ...new Set(steps.flatMap(({ losses }) => Object.keys(losses))),
]

function Table({ steps }: { readonly steps: readonly StepEvent[] }) {
  const names = namesOf(steps)
  const every = Math.ceil(steps.length / tableRows)
  const shown = steps.filter((_, i) => i % every === 0 || i === steps.length - 1)
  return (
    <div class="table" tabIndex={0} role="region" aria-label={text('losses')}>
      <table>
        <thead>
          <tr>
            <th scope="col">{text('step')}</th>
            {names.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map(({ step, losses }) => (
            <tr key={step}>
              <th scope="row">{step}</th>
              {names.map((name) => (
                <td key={name}>{losses[name] === undefined ? '' : number(losses[name], 3)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Does the page stand on dark? The curves' axes are drawn anew when that changes. */
function useDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const look = (): void => setDark(query.matches)
    query.addEventListener('change', look)
    return () => query.removeEventListener('change', look)
  }, [])
  return dark
}

/** Colours that differ in lightness too. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b58900', '#56b4e9', '#777777', '#8a2be2']

function Curves({ steps }: { readonly steps: readonly StepEvent[] }) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<{ readonly names: string; readonly plot: UPlot } | null>(null)
  const names = namesOf(steps)
  const dark = useDark()
  const key = `${names.join()} ${dark}`
  useEffect(() => {
    let gone = false
    const data = [
      steps.map(({ step }) => step),
      ...names.map((name) => steps.map(({ losses }) => losses[name] ?? null)),
    ] as AlignedData
    if (chart.current?.names === key) {
      chart.current.plot.setData(data)
      return
    }
    void Promise.all([import('uplot'), import('uplot/dist/uPlot.min.css')]).then(([{ default: Plot }]) => {
      if (gone || place.current === null) return
      chart.current?.plot.destroy()
      const ink = getComputedStyle(place.current).color
      const axis = { stroke: ink, grid: { stroke: dark ? '#ffffff1f' : '#0000001f', width: 1 } }
      // Where no step is pointed at, the legend tells the latest.
      const tellLatest = (plot: UPlot): void => {
        if (typeof plot.cursor.idx !== 'number') plot.setLegend({ idx: plot.data[0].length - 1 }, false)
      }
      const plot = new Plot(
        {
          width: place.current.clientWidth,
          height: 180,
          scales: { x: { time: false } },
          axes: [
            { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
            { ...axis, size: 44 },
          ],
          hooks: { setData: [tellLatest], setCursor: [tellLatest] },
          series: [
            { label: text('step') },
            ...names.map((label, i) => ({
              label,
              stroke: colours[i % colours.length]!,
              width: label === 'total' ? 2 : 1,
              value: (_: UPlot, loss: number | null) => (loss === null ? '' : number(loss, 2)),
            })),
          ],
        },
        data,
        place.current,
      )
      chart.current = { names: key, plot }
    })
    return () => {
      gone = true
    }
  }, [steps, key])
  useEffect(() => () => chart.current?.plot.destroy(), [])
  return <div class="curves" ref={place} aria-hidden="true" />
}
