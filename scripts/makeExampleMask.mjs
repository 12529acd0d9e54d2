// Paints examples/swan-mask.png, the swan in the first frame of examples/swan.mp4, from an outline that was traced by
// hand: node scripts/makeExampleMask.mjs
import sharp from 'sharp'

const outline = `372,78 378,68 392,65 406,70 416,80 430,96 440,112 434,118 420,110 408,103 398,104 394,112 398,130 405,155 415,185 428,212 443,238 455,262 460,285 456,305
446,316 424,317 400,324 370,334 330,340 285,345 240,347 195,346 160,344 140,338 128,328 133,316 152,306 168,300 155,288 151,268 152,245 156,228 166,222 178,228 192,234 197,222
207,217 218,225 228,234 240,222 250,230 275,233 300,239 325,250 348,263 365,274 385,281 408,283 418,276 414,262 404,235 394,205 386,175 380,145 375,118 371,98`

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="768" height="432"><rect width="768" height="432"/><polygon points="${outline}" fill="#fff"/></svg>`
await sharp(Buffer.from(svg)).toColourspace('b-w').png().toFile('examples/swan-mask.png')
