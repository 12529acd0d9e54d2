/**
 * A material by name, how things made of it are said ("{}" is the thing), and the first texts of the pairs whose
 * pictures show it.
 */
export interface Material {
  readonly name: string
  readonly forms: readonly string[]
  readonly pictures: readonly string[]
}

/** The materials whose pictures are laid upon objects. */
export const materials: readonly Material[] = [
  {
    name: 'wood',
    forms: ['wooden {}', '{} made of wood', 'wood {}'],
    pictures: [
      'wood',
      'wood floor',
      'oak wood',
      'wood oak',
      'wood pine',
      'wood walnut',
      'wood plywood',
      'wood siding',
      'wood panel',
      'wooden wall',
      'wood balsa',
      'dresser wood',
    ],
  },
  {
    name: 'marble',
    forms: ['marble {}', '{} made of marble', 'white marble {}'],
    pictures: ['marble', 'marble floor'],
  },
  {
    name: 'gold',
    forms: ['golden {}', '{} made of gold', 'gold {}'],
    pictures: ['gold', 'metallic gold', 'gold circle', 'circular brushed gold'],
  },
  { name: 'silver', forms: ['silver {}', '{} made of silver'], pictures: ['silver'] },
  { name: 'copper', forms: ['copper {}', '{} made of copper'], pictures: ['copper'] },
  { name: 'bronze', forms: ['bronze {}', '{} made of bronze'], pictures: ['bronze'] },
  {
    name: 'metal',
    forms: ['metal {}', '{} made of metal', 'steel {}'],
    pictures: [
      'metal',
      'steel',
      'iron',
      'metal plate',
      'silver metal',
      'steel stainless',
      'aluminum',
      'brushed aluminium',
    ],
  },
  { name: 'rust', forms: ['rusty {}', 'rusted {}', '{} covered in rust'], pictures: ['rust', 'rusty dirty metal'] },
  { name: 'plastic', forms: ['plastic {}', '{} made of plastic'], pictures: ['plastic'] },
  {
    name: 'leather',
    forms: ['leather {}', '{} made of leather'],
    pictures: ['leather', 'tan leather', 'brown leather'],
  },
  {
    name: 'brick',
    forms: ['brick {}', '{} made of bricks'],
    pictures: ['brick', 'brick wall', 'hb brick', 'bricks tan'],
  },
  {
    name: 'stone',
    forms: ['stone {}', '{} made of stone'],
    pictures: ['stone', 'stone wall', 'rock', 'rocks', 'mossy rock', 'granite floor'],
  },
  { name: 'concrete', forms: ['concrete {}', '{} made of concrete'], pictures: ['concrete', 'plaster'] },
  { name: 'wool', forms: ['woolen {}', '{} made of wool', 'wool {}'], pictures: ['wool'] },
  { name: 'fabric', forms: ['fabric {}', '{} made of cloth'], pictures: ['fabric', 'carpet', 'rug'] },
  { name: 'denim', forms: ['denim {}', '{} made of jeans'], pictures: ['folded jeans'] },
  {
    name: 'bark',
    forms: ['{} made of bark', '{} covered in bark'],
    pictures: ['bark', 'tree bark', 'bark birch', 'palm bark'],
  },
  {
    name: 'grass',
    forms: ['{} made of grass', '{} covered in grass', 'grass {}'],
    pictures: ['grass', 'grass park', 'grass blade'],
  },
  {
    name: 'leaves',
    forms: ['{} made of leaves', '{} covered in leaves'],
    pictures: ['leaf', 'green maple leaf', 'maple leaf', 'pine tree leaves'],
  },
  { name: 'sand', forms: ['{} made of sand', 'sand {}'], pictures: ['sand', 'desert sand', 'sand dunes'] },
  { name: 'lava', forms: ['{} made of lava', 'lava {}'], pictures: ['lava'] },
  { name: 'chocolate', forms: ['chocolate {}', '{} made of chocolate'], pictures: ['chocolate'] },
  { name: 'cheese', forms: ['{} made of cheese', 'cheese {}'], pictures: ['cheese', 'cheese wheel'] },
  { name: 'paper', forms: ['paper {}', '{} made of paper'], pictures: ['paper'] },
  { name: 'water', forms: ['{} made of water', 'water {}'], pictures: ['water', 'ocean'] },
  { name: 'ice', forms: ['{} made of ice', 'ice {}', 'frozen {}'], pictures: ['ice'] },
  {
    name: 'mosaic',
    forms: ['mosaic {}', '{} made of mosaic tiles'],
    pictures: ['mosaic tiles', 'glazed tiles', 'tiles'],
  },
  { name: 'starry sky', forms: ['{} made of stars', 'starry {}'], pictures: ['stars'] },
]

/** What is painted by rule instead (`paintSubstance`); `picture`: needs a picture of it all the same. */
export interface Substance {
  readonly name: string
  readonly forms: readonly string[]
  readonly picture: boolean
}

export const substances = [
  { name: 'ice', forms: ['{} made of ice', 'ice {}', 'frozen {}'], picture: false },
  { name: 'glass', forms: ['glass {}', '{} made of glass', 'transparent {}'], picture: false },
  { name: 'snow', forms: ['{} covered in snow', 'snowy {}', 'snow on {}'], picture: false },
  { name: 'knitted', forms: ['knitted {}', 'knitted wool {}', 'crocheted {}'], picture: false },
  { name: 'fur', forms: ['furry {}', '{} covered in fur', 'fluffy {}'], picture: false },
  { name: 'fire', forms: ['{} on fire', 'burning {}', '{} in flames'], picture: true },
] as const satisfies readonly Substance[]
