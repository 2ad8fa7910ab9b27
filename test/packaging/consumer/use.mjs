import * as sagedb from 'sagedb';
import exercise from './exercise.cjs';

await exercise(sagedb);
console.log('esm ok');
