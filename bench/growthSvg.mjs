// The picture of bench/growth.mjs: time and memory over each input, both logarithmic.

const panel = { width: 300, height: 210, left: 58, top: 46, right: 24, bottom: 44 }
/** Wong, Points of view: Color blindness (2011), but for black and yellow; on white, and brighter on near black. */
const colours = {
  light: ['#0072b2', '#d55e00', '#00825f', '#b85a92', '#9a7000', '#2f8fc7', '#707070'],
  dark: ['#4aa8e0', '#ff8a3d', '#2fc79c', '#e29bc4', '#e0b040', '#8fd0f5', '#a8a8a8'],
}
const lineStyles = (theme) =>
  colours[theme].map((colour, i) => `.line${i}{stroke:${colour};fill:none}.name${i}{fill:${colour}}`).join('')
/** Seconds below which a stage is not drawn. */
const least = 0.05

/**
 * A panel for each input and measure. A dotted line from the first point of each line shows what grows as its input
 * does.
 * @param {readonly { axis: string, line: string, unit: string, points: readonly { point: number, input: number,
 *   processor: Record<string, number>, peakGB: number }[] }[]} series those of one axis share a panel
 */
export function growthSvg(series) {
  const axes = [...new Set(series.map(({ axis }) => axis))]
  const rows = [
    { title: 'processor seconds', lines: secondsOf },
    { title: 'peak memory, GB', lines: memoryOf },
  ]
  const [width, height] = [axes.length * panel.width, rows.length * panel.height]
  const drawn = rows.flatMap(({ title, lines }, row) =>
    axes.map((axis, column) => {
      const shown = series.filter((one) => one.axis === axis)
      return `<g transform="translate(${column * panel.width} ${row * panel.height})">${onePanel(
        `${title}, by ${axis}`,
        shown[0].unit,
        shown.flatMap(lines),
      )}</g>`
    }),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<style>
.ground{fill:#fff}text{fill:#222}.tick{fill:#666;font-size:11px}.grid{stroke:#e4e4e4}.frame{stroke:#888;fill:none}
${lineStyles('light')}
@media (prefers-color-scheme: dark){.ground{fill:#16181d}text{fill:#e6e6e6}.tick{fill:#a0a4ab}.grid{stroke:#2c3038}.frame{stroke:#70757e}
${lineStyles('dark')}}
</style>
<rect class="ground" width="${width}" height="${height}"/>
${drawn.join('\n')}
</svg>
`
}

function secondsOf({ line, points }) {
  const parts = Object.keys(points[0].processor)
  return parts.flatMap((part) => {
    const values = points.map(({ point, input, processor }) => ({ point, input, value: processor[part] }))
    return values.every(({ value }) => value >= least) ? [{ name: parts.length > 1 ? part : line, values }] : []
  })
}

const memoryOf = ({ line, points }) => [
  { name: line, values: points.map(({ point, input, peakGB }) => ({ point, input, value: peakGB })) },
]

function onePanel(title, unit, lines) {
  const all = lines.flatMap(({ values }) => values)
  const [left, right, top, bottom] = [
    panel.left,
    panel.width - panel.right - 62,
    panel.top,
    panel.height - panel.bottom,
  ]
  const inputs = all.map(({ input }) => Math.log(input))
  const values = all.map(({ value }) => Math.log(value))
  const scale = (from, to, at, end) => (x) => Math.round((at + ((x - from) / (to - from)) * (end - at)) * 10) / 10
  const x = scale(Math.min(...inputs), Math.max(...inputs), left, right)
  const [from, to] = [Math.min(...values), Math.max(...values)]
  // What hardly grows is to look so.
  const margin = Math.max(0.08 * (to - from) + 0.1, (Math.log(4) - (to - from)) / 2)
  const [low, high] = [from - margin, to + margin]
  const y = scale(low, high, bottom, top)
  const columns = [...new Map(all.map(({ point, input }) => [point, input]))]
  const grid = [
    ...columns.map(
      ([point, input]) =>
        `<path class="grid" d="M${x(Math.log(input))} ${top}V${bottom}"/><text class="tick" x="${x(Math.log(input))}" y="${bottom + 15}" text-anchor="middle">${point}</text>`,
    ),
    ...ticks(low, high).map(
      (tick) =>
        `<path class="grid" d="M${left} ${y(Math.log(tick))}H${right}"/><text class="tick" x="${left - 6}" y="${y(Math.log(tick)) + 4}" text-anchor="end">${tick}</text>`,
    ),
  ]
  const names = apart(lines.map(({ values: line }) => y(Math.log(line.at(-1).value)) + 4))
  const paths = lines.map(({ name, values: line }, i) => {
    const kind = i % colours.light.length
    const at = line.map(({ input, value }) => `${x(Math.log(input))} ${y(Math.log(value))}`)
    const first = line[0]
    // As far as the panel reaches, to the right and up.
    const steep = Math.min(Math.log(line.at(-1).input), Math.log(first.input) + high - Math.log(first.value))
    const even = `M${at[0]}L${x(steep)} ${y(Math.log(first.value) + steep - Math.log(first.input))}`
    return (
      `<path d="${even}" class="line${kind}" stroke-dasharray="1 4" stroke-linecap="round" opacity=".8"/>` +
      `<path d="M${at.join('L')}" class="line${kind}" stroke-width="1.8" stroke-linejoin="round"/>` +
      line
        .map(({ point, value }, k) => {
          const [cx, cy] = at[k].split(' ')
          return `<circle cx="${cx}" cy="${cy}" r="2.6" class="name${kind}"><title>${name}, ${point}: ${value.toFixed(2)}</title></circle>`
        })
        .join('') +
      `<text x="${right + 7}" y="${names[i]}" class="name${kind}">${name}</text>`
    )
  })
  return (
    `<text x="${left}" y="26" font-weight="600">${title}</text>${grid.join('')}` +
    `<path class="frame" d="M${left} ${top}V${bottom}H${right}"/>${paths.join('')}` +
    `<text class="tick" x="${(left + right) / 2}" y="${bottom + 32}" text-anchor="middle">${unit}</text>`
  )
}

/** 1, 2, 5 times powers of ten, and more where a panel shows less than one power. */
function ticks(low, high) {
  const steps = high - low > Math.log(200) ? [1] : high - low > Math.log(20) ? [1, 3] : [1, 1.5, 2, 3, 5, 7]
  const found = []
  for (let power = -3; power <= 4; power++)
    for (const step of steps) {
      const tick = Number((step * 10 ** power).toPrecision(2))
      if (Math.log(tick) >= low && Math.log(tick) <= high) found.push(tick)
    }
  return found
}

/** Heights of labels, moved until none lies on another. */
function apart(heights) {
  const placed = [...heights]
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b])
  for (let k = 1; k < order.length; k++) placed[order[k]] = Math.max(placed[order[k]], placed[order[k - 1]] + 13)
  return placed
}
