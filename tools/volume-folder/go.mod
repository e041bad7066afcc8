module province.local/tools/volume-folder

go 1.26.0
