package main

import (
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework-validators/float32validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int32validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/numbervalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

func integer(validators ...validator.Int64) schema.Int64Attribute {
	return schema.Int64Attribute{Optional: true, Validators: validators}
}

func small(validators ...validator.Int32) schema.Int32Attribute {
	return schema.Int32Attribute{Optional: true, Validators: validators}
}

func float(validators ...validator.Float64) schema.Float64Attribute {
	return schema.Float64Attribute{Optional: true, Validators: validators}
}

func half(validators ...validator.Float32) schema.Float32Attribute {
	return schema.Float32Attribute{Optional: true, Validators: validators}
}

// numbers has one attribute for each validator of numbers.
func numbers() schema.Schema {
	addends := []path.Expression{path.MatchRoot("int_addend_a"), path.MatchRoot("int_addend_b")}
	listed := []*big.Float{big.NewFloat(0.5), big.NewFloat(7), exact()}
	any := schema.NumberAttribute{Optional: true}
	oneOf, noneOf := any, any
	oneOf.Validators = []validator.Number{numbervalidator.OneOf(listed...)}
	noneOf.Validators = []validator.Number{numbervalidator.NoneOf(listed...)}
	return base(map[string]schema.Attribute{
		"float_between":  float(float64validator.Between(-0.5, 0.5)),
		"float_least":    float(float64validator.AtLeast(0.1)),
		"float_most":     float(float64validator.AtMost(0.1)),
		"float_one_of":   float(float64validator.OneOf(0.5, 1, 7)),
		"float_none_of":  float(float64validator.NoneOf(0.5, 1, 7)),
		"half_between":   half(float32validator.Between(-0.5, 0.5)),
		"half_least":     half(float32validator.AtLeast(0.5)),
		"half_most":      half(float32validator.AtMost(0.5)),
		"half_one_of":    half(float32validator.OneOf(0.5, 1, 7)),
		"half_none_of":   half(float32validator.NoneOf(0.5, 1, 7)),
		"half":           half(),
		"int_addend_a":   integer(),
		"int_addend_b":   integer(),
		"int_between":    integer(int64validator.Between(1, 10)),
		"int_least":      integer(int64validator.AtLeast(1)),
		"int_most":       integer(int64validator.AtMost(10)),
		"int_one_of":     integer(int64validator.OneOf(1, 7, 9223372036854775807)),
		"int_none_of":    integer(int64validator.NoneOf(1, 7, 9223372036854775807)),
		"int_any":        integer(int64validator.Any(int64validator.AtMost(0), int64validator.AtLeast(10))),
		"int_sum":        integer(int64validator.EqualToSumOf(addends...)),
		"int_sum_least":  integer(int64validator.AtLeastSumOf(addends...)),
		"int_sum_most":   integer(int64validator.AtMostSumOf(addends...)),
		"number_one_of":  oneOf,
		"number_none_of": noneOf,
		"small_between":  small(int32validator.Between(1, 10)),
		"small_least":    small(int32validator.AtLeast(1)),
		"small_most":     small(int32validator.AtMost(10)),
		"small_one_of":   small(int32validator.OneOf(1, 7)),
		"small_none_of":  small(int32validator.NoneOf(1, 7)),
	})
}
