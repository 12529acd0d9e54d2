import cat from './cat.jpg'
import catPair from './cat-pair.jpg'
import dog from './dog.jpg'
import dogPair from './dog-pair.jpg'
import house from './house.jpg'
import housePair from './house-pair.jpg'
import teapot from './teapot.jpg'
import teapotPair from './teapot-pair.jpg'

/** A photo to begin with, and what came of it; the pictures are made by `node scripts/studioExamples.mjs`. */
export interface Example {
  readonly name: string
  /** Address of the photo. */
  readonly photo: string
  /** Address of photo and edit side by side. */
  readonly pair: string
  readonly prompt: string
  readonly source: string
  readonly credit: string
}

export const examples: readonly Example[] = [
  {
    name: 'teapot',
    photo: teapot,
    pair: teapotPair,
    prompt: 'golden teapot',
    source: 'teapot',
    credit: '@oriento, DreamBooth dataset, CC BY 4.0',
  },
  {
    name: 'dog',
    photo: dog,
    pair: dogPair,
    prompt: 'blue dog',
    source: 'dog',
    credit: 'DreamBooth dataset, CC BY 4.0',
  },
  {
    name: 'house',
    photo: house,
    pair: housePair,
    prompt: 'house covered in snow',
    source: 'house',
    credit: 'Kodak PhotoCD PCD0992',
  },
  {
    name: 'cat',
    photo: cat,
    pair: catPair,
    prompt: 'blue cat',
    source: 'cat',
    credit: 'Stéfan van der Walt, scikit-image, CC0',
  },
]
