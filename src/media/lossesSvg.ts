import { printable } from '../printable.js'

/** The losses of one step, by name. */
export interface LossRecord {
  readonly step: number
  readonly losses: Readonly<Record<string, number>>
}

const width = 900
const height = 460
const plot = { left: 70, top: 44, right: 720, bottom: 404 } as const
/** Wong, Points of view: Color blindness (2011): told apart with any colour vision. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#8c6d1f']

/**
 * A chart of the losses over the steps, one line per loss, logarithmic. A value that is not a positive number has no
 * place on a logarithmic axis and leaves a gap. A long run is drawn as the mean of at most 325 stretches of steps.
 *
 * @param history in order of steps; a loss may be missing from some steps
 * @returns an SVG document of 900x460
 */
export function lossesSvg(history: readonly LossRecord[], title = 'Losses'): string {
  const names = [...new Set(history.flatMap(({ losses }) => Object.keys(losses)))]
  const steps = history.map(({ step }) => step)
  const lines = names.map((name) => ({
    name,
    points: thin(history.map(({ step, losses }) => ({ step, value: losses[name] }))),
  }))
  const values = lines.flatMap(({ points }) => points.flatMap(({ value }) => (value === undefined ? [] : [value])))
  const xs = linearAxis(
    steps.reduce((a, b) => Math.min(a, b), Infinity),
    steps.reduce((a, b) => Math.max(a, b), -Infinity),
  )
  const ys = logAxis(
    values.reduce((a, b) => Math.min(a, b), Infinity),
    values.reduce((a, b) => Math.max(a, b), -Infinity),
  )
  const x = (step: number) => round(plot.left + ((step - xs.from) / (xs.to - xs.from)) * (plot.right - plot.left))
  const y = (value: number) =>
    round(plot.bottom - ((Math.log10(value) - ys.from) / (ys.to - ys.from)) * (plot.bottom - plot.top))

  const grid = [
    ...ys.ticks.map(
      (tick) =>
        `<line class="grid" x1="${plot.left}" y1="${y(tick)}" x2="${plot.right}" y2="${y(tick)}"/>` +
        `<text class="tick" x="${plot.left - 8}" y="${y(tick) + 4}" text-anchor="end">${label(tick)}</text>`,
    ),
    ...xs.ticks.map(
      (tick) =>
        `<line class="grid" x1="${x(tick)}" y1="${plot.top}" x2="${x(tick)}" y2="${plot.bottom}"/>` +
        `<text class="tick" x="${x(tick)}" y="${plot.bottom + 18}" text-anchor="middle">${tick}</text>`,
    ),
  ]
  const drawn = lines.map(({ name, points }, i) => {
    const colour = colours[i % colours.length]!
    const dash = i < colours.length ? '' : ' stroke-dasharray="5 3"'
    const last = points.findLast(({ value }) => value !== undefined)?.value
    const row = plot.top + 8 + i * 22
    return (
      `<path d="${path(points)}" fill="none" stroke="${colour}" stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round"${dash}>` +
      `<title>${escape(name)}</title></path>` +
      `<line x1="740" y1="${row}" x2="762" y2="${row}" stroke="${colour}" stroke-width="2.5"${dash}/>` +
      `<text x="770" y="${row + 4}">${escape(name)}</text>` +
      `<text class="tick" x="890" y="${row + 4}" text-anchor="end">${last === undefined ? '' : last.toPrecision(3)}</text>`
    )
  })
  const empty =
    values.length > 0
      ? ''
      : `<text x="${(plot.left + plot.right) / 2}" y="${(plot.top + plot.bottom) / 2}" text-anchor="middle">no steps yet</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#222">
<style>.grid{stroke:#e4e4e4}.tick{fill:#666;font-size:12px}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="${plot.left}" y="26" font-size="16" font-weight="600">${escape(title)}</text>
${grid.join('\n')}
<path d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}" fill="none" stroke="#888"/>
<text x="${(plot.left + plot.right) / 2}" y="${height - 14}" text-anchor="middle">step</text>
<text transform="translate(18 ${(plot.top + plot.bottom) / 2}) rotate(-90)" text-anchor="middle">loss (log scale)</text>
${drawn.join('\n')}
${empty}
</svg>
`

  function path(points: readonly Point[]): string {
    let pen = false
    let d = ''
    for (const { step, value } of points) {
      // A point alone would have no length: the round cap shows it as a dot.
      if (value !== undefined) d += pen ? `L${x(step)} ${y(value)}` : `M${x(step)} ${y(value)}h0`
      pen = value !== undefined
    }
    return d
  }
}

interface Point {
  readonly step: number
  readonly value: number | undefined
}

/** At most 325 points, two pixels apart: the mean of each stretch; a value that cannot be drawn is undefined. */
function thin(points: readonly Point[]): Point[] {
  const most = 325
  const stretch = Math.max(1, Math.ceil(points.length / most))
  const out: Point[] = []
  for (let from = 0; from < points.length; from += stretch) {
    const part = points.slice(from, from + stretch)
    const drawable = part.flatMap(({ value }) =>
      value !== undefined && value > 0 && Number.isFinite(value) ? [value] : [],
    )
    const step = part.reduce((sum, point) => sum + point.step, 0) / part.length
    out.push({ step, value: drawable.length > 0 ? drawable.reduce((a, b) => a + b, 0) / drawable.length : undefined })
  }
  return out
}

function linearAxis(from: number, to: number): { from: number; to: number; ticks: number[] } {
  if (!Number.isFinite(from) || !Number.isFinite(to)) return { from: 0, to: 1, ticks: [0, 1] }
  if (from === to) return { from: from - 1, to: to + 1, ticks: [from] }
  const rough = (to - from) / 8
  const power = 10 ** Math.floor(Math.log10(rough))
  const spacing = Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power)
  const ticks = []
  for (let tick = Math.ceil(from / spacing) * spacing; tick <= to; tick += spacing) ticks.push(Math.round(tick))
  return { from, to, ticks }
}

/**
 * `from` and `to` are powers of ten's exponents; the ticks are values: 1, 2, 5 times powers of ten, or powers alone
 * when many.
 */
function logAxis(least: number, most: number): { from: number; to: number; ticks: number[] } {
  if (!Number.isFinite(least) || !Number.isFinite(most)) return { from: -1, to: 0, ticks: [0.1, 1] }
  const margin = Math.max(0.05, (Math.log10(most) - Math.log10(least)) * 0.04)
  const from = Math.log10(least) - margin
  const to = Math.log10(most) + margin
  const steps = to - from > 4 ? [1] : to - from > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8]
  const spacing = Math.ceil((to - from) / 10)
  const ticks = []
  for (let power = Math.floor(from); power <= Math.ceil(to); power++) {
    if (steps.length === 1 && power % spacing !== 0) continue
    for (const step of steps) {
      const exponent = power + Math.log10(step)
      if (exponent >= from && exponent <= to) ticks.push(step * 10 ** power)
    }
  }
  return { from, to, ticks: ticks.length > 0 ? ticks : [10 ** ((from + to) / 2)] }
}

const label = (tick: number) =>
  tick >= 1e-4 && tick < 1e5 ? String(Number(tick.toPrecision(2))) : tick.toExponential(0)
const round = (value: number) => Math.round(value * 10) / 10
/** XML has no control characters at all. */
const escape = (text: string) => printable(text, 100).replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`)
