// A guidance plug-in without weights: it knows the names of some colours, and where the edges of a picture are.
//
//   text2live image teapot.jpg "red teapot" --guidance ./colours-and-edges.mjs
//
// It imports nothing: the operators come with `open`, each with its gradient. docs/plugins.md says what each part is for.

/** RGB in [0, 1]. */
const colours = {
  red: [0.85, 0.1, 0.1],
  orange: [0.95, 0.55, 0.1],
  yellow: [0.95, 0.9, 0.15],
  green: [0.15, 0.65, 0.2],
  blue: [0.15, 0.3, 0.85],
  purple: [0.5, 0.15, 0.7],
  pink: [0.95, 0.6, 0.75],
  brown: [0.45, 0.28, 0.15],
  golden: [0.85, 0.65, 0.2],
  black: [0.05, 0.05, 0.05],
  grey: [0.5, 0.5, 0.5],
  white: [0.95, 0.95, 0.95],
}
const cell = 16
/** Beside colour and light, a number that is never zero: an embedding needs a direction, also that of grey. */
const constant = 0.1

/** [light, red less light, green less light, blue less light, constant], the light less that of middle grey. */
function embedColour([r, g, b]) {
  const light = (r + g + b) / 3
  return [light - 0.5, r - light, g - light, b - light, constant]
}

/** The mean of the colours that a text names; middle grey without any. */
function embedText(text) {
  const named =
    text
      .toLowerCase()
      .match(/[a-z]+/g)
      ?.flatMap((word) => (colours[word] ? [colours[word]] : [])) ?? []
  if (named.length === 0) return embedColour([0.5, 0.5, 0.5])
  return embedColour([0, 1, 2].map((c) => named.reduce((sum, colour) => sum + colour[c], 0) / named.length))
}

export default {
  name: 'colours-and-edges',
  version: '1.0.0',
  open({ ops }) {
    const { add, concat, conv2d, matmul, normalizeLength, reduceMean, relu, reshape, slice, sub, transpose } = ops

    /** Means of squares of pixels: [V, C, h, w] -> [V, C, h / cell, w / cell]; what is left over is cut off. */
    function cells(x) {
      const [v, c, height, width] = x.shape
      const [rows, columns] = [Math.floor(height / cell), Math.floor(width / cell)]
      const whole = slice(x, { axes: [2, 3], starts: [0, 0], ends: [rows * cell, columns * cell] })
      return reduceMean(reshape(whole, [v, c, rows, cell, columns, cell]), [3, 5])
    }

    /** The embedding of each colour in a last axis: [n, 3] -> [n, 5]. */
    function embedded(rgb) {
      const light = reduceMean(rgb, [1], { keepDims: true }) // [n, 1]
      return concat(
        [sub(light, 0.5), sub(rgb, light), rgb.graph.constant(Array(rgb.shape[0]).fill(constant), [rgb.shape[0], 1])],
        1,
      )
    }

    return {
      cell,
      imageSize: 224,
      texts: {
        width: 5,
        embed: (views) => embedded(reduceMean(views, [2, 3])),
        encode: (texts) => Float32Array.from(texts.flatMap(embedText)),
      },
      /** How light each cell is, and how its light grows to the right, left, down and up. */
      tokens(image) {
        const light = reduceMean(image, [1], { keepDims: true })
        const sobel = image.graph.constant(
          [
            [-1, 0, 1, -2, 0, 2, -1, 0, 1],
            [1, 0, -1, 2, 0, -2, 1, 0, -1],
            [-1, -2, -1, 0, 0, 0, 1, 2, 1],
            [1, 2, 1, 0, 0, 0, -1, -2, -1],
          ].flat(),
          [4, 1, 3, 3],
        )
        const edges = relu(conv2d(light, sobel, { pads: [1, 1, 1, 1] }))
        const all = cells(concat([light, add(edges, 0.01)], 1)) // [1, 5, gh, gw]
        const [, channels, rows, columns] = all.shape
        return transpose(reshape(all, [channels, rows * columns]), [1, 0])
      },
      /** The cosine of each cell's colour and the text's. */
      relevancy(image, texts) {
        const all = cells(image)
        const [, , rows, columns] = all.shape
        const colour = embedded(transpose(reshape(all, [3, rows * columns]), [1, 0])) // [cells, 5]
        const answers = matmul(normalizeLength(texts), transpose(normalizeLength(colour), [1, 0]))
        return reshape(answers, [texts.shape[0], 1, rows, columns])
      },
    }
  },
}
