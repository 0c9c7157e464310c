package app

import (
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/internal/ingest/source/datagen"
	"github.com/tarndb/tarn/internal/ingest/source/files"
	"github.com/tarndb/tarn/internal/ingest/source/kafka"
	"github.com/tarndb/tarn/internal/ingest/source/mysqlcdc"
	"github.com/tarndb/tarn/internal/query"
)

// connectors lists what CREATE TEMPORARY TABLE … WITH ('connector' = …) knows.
func connectors(warehouse string) map[string]query.Connector {
	return map[string]query.Connector{
		"mysql-cdc": func(d query.Declaration) (source.Source, error) {
			cfg, err := mysqlcdc.ParseOptions(d.Options)
			if err != nil {
				return nil, err
			}
			return mysqlcdc.New(cfg, d.Fields, d.PrimaryKey)
		},
		"kafka": func(d query.Declaration) (source.Source, error) {
			cfg, err := kafka.ParseOptions(d.Options)
			if err != nil {
				return nil, err
			}
			return kafka.New(cfg, d.Fields, d.PrimaryKey)
		},
		"filesystem": func(d query.Declaration) (source.Source, error) {
			cfg, err := files.ParseOptions(d.Options, files.Options{Dir: d.Dir, Warehouse: warehouse})
			if err != nil {
				return nil, err
			}
			return files.New(cfg, d.Fields)
		},
		"datagen": func(d query.Declaration) (source.Source, error) { return datagen.New(d.Options, d.Fields) },
	}
}
