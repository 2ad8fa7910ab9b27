require('./exercise.cjs')(require('sagedb')).then(() => console.log('cjs ok'));
